"""The verification status: the values of the column `verified`."""

# The row's texts were executed. From the strongest proof to the weakest: by StableHLO's reference
# interpreter; by it, with NumPy and SciPy for the operations that it lacks.
RUN_BY = ("interpreter", "interpreter+numpy")
# A suffix: the CUDA text was only parsed and verified, and its signature was compared.
CUDA_PARSED = ", cuda parsed"
# No text could be executed. Each was parsed and verified, and its signature was compared.
PARSED = "parsed"
UNVERIFIED = "none"
# A prefix for a row with other dialects: the StableHLO that they were made from was checked.
OF_STABLEHLO = "stablehlo: "
_CHECKED = (*RUN_BY, *(status + CUDA_PARSED for status in RUN_BY), PARSED)
# All values of the column `verified`.
STATUSES = (*_CHECKED, *(OF_STABLEHLO + status for status in _CHECKED), UNVERIFIED)
