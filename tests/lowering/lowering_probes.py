"""All probe programs: a few in every category's style."""

from probe import KEY, V8, Aval, Probe
from probes_control import CONTROL
from probes_straight import STRAIGHT

PROBES = STRAIGHT + CONTROL

__all__ = ["KEY", "PROBES", "V8", "Aval", "Probe"]
