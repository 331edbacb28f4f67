"""Families: images, their colours, filters and comparisons."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
iterate_fori: iterate_fori 1, iterate 4, repeat_step 1, run_steps 2
iterate_scan: iterate_scan 1, iterate 4, repeat_step 1, run_steps 2
centre: centre 1, center 5
centres: centres 1, centers 6
blur_by_convolution: blur_by_convolution 1, gaussian_blur 5, blur 4
blur_by_matrices: blur_by_matrices 1, gaussian_blur 4, blur 4
extract_patches: extract_patches 5, patchify 4, image_to_patches 3
gather_patches: gather_patches 2, extract_patches 4, patchify 4
split_patches: split_patches 3, extract_patches 3, patchify 3
downsample_window: downsample_window 1, avg_pool 5, downsample 3
downsample_slices: downsample_slices 1, average_2x2 2, downsample 4
embed_patches: embed_patches 4, patch_embedding 4, tokenize_image 2
hable: hable 4, filmic 3, uncharted2 1
linear_to_srgb: linear_to_srgb 5, encode_srgb 2
srgb_to_linear: srgb_to_linear 5, decode_srgb 2
image: image 9, img 5
adjust_colours: adjust_colours 1, adjust_colors 4, color_jitter 3
luminance: luminance 5, luma 3, to_gray 1, rgb_to_gray 2
grey: grey 1, gray 6
white_balance: white_balance 5, balance_colors 1, color_constancy 1
blend: blend 6, blend_images 2, blend_layers 3
blend_mode: blend_mode 3, apply_mode 1, mix_layers 1
composite: composite 5, alpha_composite 4, porter_duff 2
gx: gx 5, dx 2, grad_x 3
gy: gy 5, dy 2, grad_y 3
blur: blur 5, gaussian_blur 4
unsharp_mask: unsharp_mask 5, sharpen 4
blurred: blurred 7, smooth 1
detail: detail 5, residual 1
open_image: open_image 1, opening 3, morphological_opening 3
dilate: dilate 7, dilation 2
erode: erode 7, erosion 2
sample_by_weights: sample_by_weights 2, bilinear_sample 3, interpolate 1
sample_bilinear: sample_bilinear 3, bilinear_sample 4, interpolate 1, grid_sample 3
warp_image: warp_image 4, affine_warp 3, transform_image 2
normalise_image: normalise_image 1, normalize_image 5, standardize 1
tone_map: tone_map 6, tonemap 4
local_mean: local_mean 5, window_mean 3, mean_filter 2
perona_malik: perona_malik 4, anisotropic_diffusion 4
soft_histogram: soft_histogram 6, differentiable_histogram 2
patches: patches 8, blocks 1
downsample: downsample 5, pool2x2 2, mean_pool 3
upsample: upsample 6, upscale 2
quantize_colours: quantize_colours 1, quantize_colors 4, apply_palette 2
"""


# ---------------------------------------------------------------- colours


def luminance(image):
    """Luma of each pixel, with the weights of Rec. 601."""
    return image @ jnp.array([0.299, 0.587, 0.114])


def rotate_hue(image, angle=0.5):
    """Rotates the chroma plane of YIQ."""
    y = luminance(image)
    i = 0.596 * image[..., 0] - 0.274 * image[..., 1] - 0.322 * image[..., 2]
    q = 0.211 * image[..., 0] - 0.523 * image[..., 1] + 0.312 * image[..., 2]
    c, s = jnp.cos(angle), jnp.sin(angle)
    i, q = c * i - s * q, s * i + c * q
    r = y + 0.956 * i + 0.621 * q
    g = y - 0.272 * i - 0.647 * q
    b = y - 1.106 * i + 1.703 * q
    return jnp.stack([r, g, b], axis=-1)


@family(
    "vector",
    image="h w 3 in 0.1..0.9",
    brightness="? in -0.2..0.2",
    contrast="? in 0.5..1.5",
    saturation="? in 0.3..1.5",
    gamma="? in 0.5..2",
    hue={None: 2, 0.3: 1, -0.5: 1},
    pivot={"mean": 2, "half": 2, "grey": 1},
    clipped={True: 2, False: 1},
    sizes={"h": (3, 4, 5, 6), "w": (3, 4, 5, 6, 8)},
    weight=14,
)
def adjust_colours(
    image,
    brightness=None,
    contrast=None,
    saturation=None,
    gamma=None,
    *,
    hue=None,
    pivot="mean",
    clipped=True,
):
    """Adjusts the colours of an RGB image of shape (height, width, 3).

    Args:
        image: RGB values from 0 to 1.
        brightness: An offset of all values.
        contrast: Factor of the contrast; 1 leaves it as it is.
        saturation: Factor of the saturation; 0 makes the image grey.
        gamma: Exponent of the gamma correction.
    """
    if brightness is not None:
        image = image + brightness
    if contrast is not None:
        if pivot == "mean":
            centre = jnp.mean(image, axis=(0, 1), keepdims=True)
        elif pivot == "grey":
            centre = jnp.mean(luminance(image))
        else:
            centre = 0.5
        image = centre + contrast * (image - centre)
    if saturation is not None:
        grey = luminance(image)[..., None]
        image = grey + saturation * (image - grey)
    if hue is not None:
        image = rotate_hue(image, hue)
    if gamma is not None:
        image = jnp.clip(image, 0.02, 1.0) ** gamma
    elif clipped:
        image = jnp.clip(image, 0.0, 1.0)
    return image


def srgb_to_linear(image):
    low = image / 12.92
    high = ((jnp.maximum(image, 0.04) + 0.055) / 1.055) ** 2.4
    return jnp.where(image <= 0.04045, low, high)


def linear_to_srgb(image):
    low = 12.92 * image
    high = 1.055 * jnp.maximum(image, 0.003) ** (1.0 / 2.4) - 0.055
    return jnp.where(image <= 0.0031308, low, high)


@family(
    "vector",
    image="h w 3 in 0.1..0.9",
    strength="? in 0.3..1",
    method={"grey_world": 3, "white_patch": 1, "shades_of_grey": 2},
    anchor={"mean": 2, "green": 2},
    linear={False: 3, True: 1},
    clipped={False: 2, True: 1},
    p=(4.0, 6.0),
    sizes={"h": (3, 4, 5, 6), "w": (3, 4, 5, 6, 8)},
    only="float32",
)
def white_balance(
    image,
    strength=None,
    *,
    method="grey_world",
    anchor="mean",
    linear=False,
    clipped=False,
    p=6.0,
):
    """Balances the channels of an RGB image by an estimate of the light's colour.

    Args:
        image: RGB values from 0 to 1, of shape (height, width, 3).
        strength: Degree of the adaptation; 1 makes the light neutral.
    """
    if linear:
        image = srgb_to_linear(image)
    if method == "white_patch":
        light = jnp.max(image, axis=(0, 1))
    elif method == "shades_of_grey":
        # A Minkowski norm, between the mean and the maximum.
        light = jnp.mean(image**p, axis=(0, 1)) ** (1.0 / p)
    else:
        light = jnp.mean(image, axis=(0, 1))
    if anchor == "green":
        gains = light[1] / light
    else:
        gains = jnp.mean(light) / light
    if strength is not None:
        gains = gains**strength
    image = image * gains
    if linear:
        image = linear_to_srgb(image)
    if clipped:
        image = jnp.clip(image, 0.0, 1.0)
    return image


@family(
    "vector",
    image="... n 3 in 0.05..0.95",
    standard={"bt601": 3, "bt709": 2, "bt2020": 1},
    signal_range={"full": 3, "limited": 1},
    form=decided({"formulas": 3, "matrix": 2}),
    offset={False: 2, True: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12)},
)
def rgb_to_ycbcr(image, *, standard="bt601", signal_range="full", form="formulas", offset=False):
    """Converts RGB values from 0 to 1 to luma and two colour differences."""
    if standard == "bt709":
        kr, kb = 0.2126, 0.0722
    elif standard == "bt2020":
        kr, kb = 0.2627, 0.0593
    else:
        kr, kb = 0.299, 0.114
    kg = 1.0 - kr - kb
    if form == "matrix":
        matrix = jnp.array(
            [
                [kr, kg, kb],
                [-0.5 * kr / (1.0 - kb), -0.5 * kg / (1.0 - kb), 0.5],
                [0.5, -0.5 * kg / (1.0 - kr), -0.5 * kb / (1.0 - kr)],
            ]
        )
        ycc = image @ matrix.T
    else:
        r, g, b = image[..., 0], image[..., 1], image[..., 2]
        y = kr * r + kg * g + kb * b
        cb = 0.5 * (b - y) / (1.0 - kb)
        cr = 0.5 * (r - y) / (1.0 - kr)
        ycc = jnp.stack([y, cb, cr], axis=-1)
    if signal_range == "limited":
        # From 16 to 235 of 255, and from 16 to 240.
        ycc = ycc * jnp.array([219.0, 224.0, 224.0]) / 255.0
        ycc = ycc + jnp.array([16.0, 128.0, 128.0]) / 255.0
    elif offset:
        # Grey has differences of one half.
        ycc = ycc + jnp.array([0.0, 0.5, 0.5])
    return ycc


@family(
    "vector",
    image="... n 3 in 0.05..0.95",
    model={"hsv": 3, "hsl": 2, "hsi": 1},
    hue={"sector": 3, "arctan": 2},
    turns={"unit": 2, "radians": 1, "degrees": 1},
    eps=(1e-6, 1e-4),
    sizes={"n": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def rgb_to_hue_saturation(image, *, model="hsv", hue="sector", turns="unit", eps=1e-6):
    """Converts RGB values from 0 to 1 to hue, saturation and brightness."""
    r, g, b = image[..., 0], image[..., 1], image[..., 2]
    high = jnp.max(image, axis=-1)
    low = jnp.min(image, axis=-1)
    chroma = high - low
    if hue == "arctan":
        angle = jnp.arctan2(jnp.sqrt(3.0) * (g - b), 2.0 * r - g - b) / (2.0 * jnp.pi)
        angle = jnp.where(angle < 0.0, angle + 1.0, angle)
    else:
        # Which channel is the highest tells the sector of the hue.
        of_red = (g - b) / (chroma + eps)
        of_green = (b - r) / (chroma + eps) + 2.0
        of_blue = (r - g) / (chroma + eps) + 4.0
        sector = jnp.where(high == r, of_red, jnp.where(high == g, of_green, of_blue))
        angle = jnp.where(sector < 0.0, sector + 6.0, sector) / 6.0
    if turns == "radians":
        angle = 2.0 * jnp.pi * angle
    elif turns == "degrees":
        angle = 360.0 * angle
    if model == "hsl":
        brightness = 0.5 * (high + low)
        saturation = chroma / (1.0 - jnp.abs(2.0 * brightness - 1.0) + eps)
    elif model == "hsi":
        brightness = (r + g + b) / 3.0
        saturation = 1.0 - low / (brightness + eps)
    else:
        brightness = high
        saturation = chroma / (high + eps)
    return jnp.stack([angle, saturation, brightness], axis=-1)


@family(
    "vector",
    image="... n 3 in 0.05..0.95",
    linearized={True: 3, False: 1},
    form=decided({"matmul": 3, "einsum": 1}),
    root={"cbrt": 2, "cie": 2},
    sizes={"n": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def rgb_to_lab(image, *, linearized=True, form="matmul", root="cie"):
    """Converts RGB values from 0 to 1 to CIELAB."""
    if linearized:
        image = srgb_to_linear(image)
    to_xyz = jnp.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    if form == "einsum":
        xyz = jnp.einsum("...c,dc->...d", image, to_xyz)
    else:
        xyz = image @ to_xyz.T
    # Relative to the white of D65.
    xyz = xyz / jnp.array([0.9505, 1.0, 1.089])
    if root == "cie":
        # The cube root has a linear part near black.
        high = jnp.cbrt(jnp.maximum(xyz, 0.008856))
        f = jnp.where(xyz > 0.008856, high, 7.787 * xyz + 16.0 / 116.0)
    else:
        f = jnp.cbrt(xyz)
    lightness = 116.0 * f[..., 1] - 16.0
    a = 500.0 * (f[..., 0] - f[..., 1])
    b = 200.0 * (f[..., 1] - f[..., 2])
    return jnp.stack([lightness, a, b], axis=-1)


def blend_mode(base, layer, mode="multiply"):
    if mode == "multiply":
        return base * layer
    if mode == "screen":
        return 1.0 - (1.0 - base) * (1.0 - layer)
    if mode == "overlay":
        dark = 2.0 * base * layer
        light = 1.0 - 2.0 * (1.0 - base) * (1.0 - layer)
        return jnp.where(base < 0.5, dark, light)
    if mode == "hard_light":
        dark = 2.0 * base * layer
        light = 1.0 - 2.0 * (1.0 - base) * (1.0 - layer)
        return jnp.where(layer < 0.5, dark, light)
    if mode == "soft_light":
        return (1.0 - 2.0 * layer) * jnp.square(base) + 2.0 * layer * base
    if mode == "dodge":
        return jnp.minimum(base / (1.05 - layer), 1.0)
    if mode == "burn":
        return 1.0 - jnp.minimum((1.0 - base) / (layer + 0.05), 1.0)
    if mode == "darken":
        return jnp.minimum(base, layer)
    if mode == "lighten":
        return jnp.maximum(base, layer)
    if mode == "difference":
        return jnp.abs(base - layer)
    if mode == "exclusion":
        return base + layer - 2.0 * base * layer
    else:
        return jnp.minimum(base + layer, 1.0)


@family(
    "branch",
    "scalar_array",
    "elementwise",
    base="... h w in 0..1",
    layer="... h w in 0..1",
    alpha="? ... h w in 0.1..0.9",
    opacity="? in 0.3..1",
    mask="? h w bool",
    mode={
        "multiply": 1,
        "screen": 1,
        "overlay": 1,
        "hard_light": 1,
        "soft_light": 1,
        "dodge": 1,
        "burn": 1,
        "darken": 1,
        "lighten": 1,
        "difference": 1,
        "exclusion": 1,
        "add": 1,
    },
    gamma={None: 4, 2.2: 1},
    sizes={"h": (2, 4, 5, 6), "w": (4, 5, 6, 8, 10)},
    weight=14,
)
def blend(base, layer, alpha=None, opacity=None, mask=None, *, mode="multiply", gamma=None):
    """Blends a layer with the image below it.

    Args:
        base: The image below, with values from 0 to 1.
        layer: The image above.
        alpha: Opacity of each pixel of the layer.
        opacity: Opacity of the whole layer.
        mask: Pixels that may change.
    """
    if gamma is not None:
        # Blend linear light.
        base = base**gamma
        layer = layer**gamma
    mixed = blend_mode(base, layer, mode)
    if alpha is not None:
        if opacity is not None:
            alpha = opacity * alpha
        mixed = base + alpha * (mixed - base)
    elif opacity is not None:
        mixed = base + opacity * (mixed - base)
    if mask is not None:
        mixed = jnp.where(mask, mixed, base)
    if gamma is not None:
        mixed = jnp.maximum(mixed, 1e-3) ** (1.0 / gamma)
    return mixed


@family(
    "vector",
    "elementwise",
    "multi_statement",
    "reduction",
    "scalar_array",
    foreground="h w c in 0..1",
    background="h w c in 0..1",
    alpha="h w in 0.1..0.9",
    alpha_below="h w in 0.1..0.9",
    opacity="? in 0.4..1",
    operator={"over": 5, "atop": 2, "xor": 1, "plus": 1},
    premultiplied={False: 3, True: 1},
    divided={False: 2, True: 1},
    sizes={"h": (3, 4, 5), "w": (3, 4, 5, 6), "c": (1, 2, 3, 3, 4)},
)
def composite(
    foreground,
    background,
    alpha,
    alpha_below,
    opacity=None,
    *,
    operator="over",
    premultiplied=False,
    divided=False,
):
    """Composites two layers by a Porter-Duff operator.

    Args:
        foreground: Colours above, shape (height, width, channels).
        background: Colours below, shape (height, width, channels).
        alpha: Opacity of each pixel above.
        alpha_below: Opacity of each pixel below.
        opacity: Opacity of the whole layer above.

    Returns:
        The colours and the opacity of the result.
    """
    if not premultiplied:
        foreground = foreground * alpha[..., None]
        background = background * alpha_below[..., None]
    if opacity is not None:
        foreground = opacity * foreground
        alpha = opacity * alpha
    if operator == "over":
        colours = foreground + (1.0 - alpha)[..., None] * background
        total = alpha + (1.0 - alpha) * alpha_below
    elif operator == "atop":
        colours = alpha_below[..., None] * foreground + (1.0 - alpha)[..., None] * background
        total = alpha_below
    elif operator == "xor":
        colours = (1.0 - alpha_below)[..., None] * foreground + (1.0 - alpha)[
            ..., None
        ] * background
        total = alpha + alpha_below - 2.0 * alpha * alpha_below
    else:
        colours = foreground + background
        total = alpha + alpha_below
    if divided:
        # Straight colours, that aren't multiplied by the opacity.
        colours = colours / jnp.maximum(total, 1e-3)[..., None]
    return colours, total


# ---------------------------------------------------------------- neighbourhoods


def shift(image, dy=0, dx=0, mode="edge"):
    """The image moved up by dy and left by dx, each at most 1."""
    if mode == "wrap":
        return jnp.roll(image, (-dy, -dx), axis=(0, 1))
    h, w = image.shape
    if mode == "edge":
        padded = jnp.pad(image, 1, mode="edge")
    elif mode == "reflect":
        padded = jnp.pad(image, 1, mode="reflect")
    else:
        padded = jnp.pad(image, 1)
    return padded[1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w]


def binomial_blur(image):
    """A blur with weights of 1, 2 and 1 along each axis."""
    padded = jnp.pad(image, ((0, 0), (1, 1)), mode="edge")
    rows = 0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    padded = jnp.pad(rows, ((1, 1), (0, 0)), mode="edge")
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def smoothed_gradient(image, side=2.0, border="edge"):
    """Central differences, smoothed across with weights of 1, side and 1."""
    if border == "zero":
        image = jnp.pad(image, 1)
    elif border == "reflect":
        image = jnp.pad(image, 1, mode="reflect")
    else:
        image = jnp.pad(image, 1, mode="edge")
    across = image[:, 2:] - image[:, :-2]
    gx = across[:-2] + side * across[1:-1] + across[2:]
    down = image[2:] - image[:-2]
    gy = down[:, :-2] + side * down[:, 1:-1] + down[:, 2:]
    return gx / (4.0 + 2.0 * side), gy / (4.0 + 2.0 * side)


def sobel(image, border="edge"):
    return smoothed_gradient(image, 2.0, border)


def scharr(image, border="edge"):
    return smoothed_gradient(image, 10.0 / 3.0, border)


def prewitt(image, border="edge"):
    return smoothed_gradient(image, 1.0, border)


def central_differences(image, border="edge"):
    gx = 0.5 * (shift(image, 0, 1, border) - shift(image, 0, -1, border))
    gy = 0.5 * (shift(image, 1, 0, border) - shift(image, -1, 0, border))
    return gx, gy


def roberts(image, border="edge"):
    """Roberts' cross: differences along both diagonals."""
    right, below = shift(image, 0, 1, border), shift(image, 1, 0, border)
    return image - shift(image, 1, 1, border), right - below


@family(
    "contraction",
    "elementwise",
    "reduction",
    "scalar_array",
    "multi_statement",
    "unary",
    image="h w",
    threshold="? in 0.2..0.6",
    gradient={
        Code("sobel"): 4,
        Code("scharr"): 1,
        Code("prewitt"): 1,
        Code("central_differences"): 2,
        Code("roberts"): 1,
    },
    border={"edge": 2, "reflect": 1, "zero": 1},
    smoothed={False: 2, True: 1},
    norm={"l2": 4, "l1": 1, "squared": 1},
    relative={False: 3, True: 1},
    sizes={"h": (4, 5, 6, 8), "w": (4, 5, 6, 8, 10)},
    weight=14,
)
def edge_strength(
    image,
    threshold=None,
    *,
    gradient=None,
    border="edge",
    smoothed=False,
    norm="l2",
    relative=False,
):
    """Strength of the edges in a grey image, by its gradient.

    Args:
        image: A grey image, shape (height, width).
        threshold: Gradients below it become zero.
    """
    if smoothed:
        # Against noise.
        image = binomial_blur(image)
    gx, gy = gradient(image, border)
    if norm == "l1":
        strength = jnp.abs(gx) + jnp.abs(gy)
    elif norm == "squared":
        strength = gx**2 + gy**2
    else:
        strength = jnp.sqrt(gx**2 + gy**2 + 1e-6)
    if threshold is not None:
        # Soft thresholding.
        strength = jax.nn.relu(strength - threshold)
    if relative:
        strength = strength / (jnp.max(strength) + 1e-3)
    return strength


@family(
    "contraction",
    "elementwise",
    "multi_statement",
    image="h w",
    gradient={Code("sobel"): 3, Code("central_differences"): 3, Code("prewitt"): 1},
    measure={"harris": 4, "noble": 1, "shi_tomasi": 2},
    window={"binomial": 3, "box": 2},
    border={"edge": 2, "reflect": 1, "zero": 1},
    suppressed={False: 3, True: 1},
    k=(0.04, 0.05, 0.06),
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
)
def corner_response(
    image,
    *,
    gradient=None,
    measure="harris",
    window="binomial",
    border="edge",
    suppressed=False,
    k=0.05,
):
    """Corner response of each pixel by the structure tensor of a grey image."""
    gx, gy = gradient(image, border)
    if window == "box":
        xx, yy, xy = (local_mean(each, 3) for each in (gx * gx, gy * gy, gx * gy))
    else:
        xx, yy, xy = (binomial_blur(each) for each in (gx * gx, gy * gy, gx * gy))
    det, trace = xx * yy - xy**2, xx + yy
    if measure == "noble":
        response = det / (trace + 1e-3)
    elif measure == "shi_tomasi":
        # The lower eigenvalue.
        response = 0.5 * trace - jnp.sqrt(0.25 * (xx - yy) ** 2 + xy**2 + 1e-6)
    else:
        response = det - k * trace**2
    if suppressed:
        # Only local maxima stay.
        response = jnp.where(response == dilate(response, 3), response, 0.0)
    return response


def laplacian(image, border="edge", diagonal=False):
    """The discrete Laplacian of an image."""
    vertical = shift(image, 1, 0, border) + shift(image, -1, 0, border)
    horizontal = shift(image, 0, 1, border) + shift(image, 0, -1, border)
    total = vertical + horizontal
    if diagonal:
        upper = shift(image, -1, 1, border) + shift(image, -1, -1, border)
        lower = shift(image, 1, 1, border) + shift(image, 1, -1, border)
        return (4.0 * total + upper + lower - 20.0 * image) / 6.0
    else:
        return total - 4.0 * image


@family(
    "contraction",
    "elementwise",
    "multi_statement",
    "scalar_array",
    image="h w",
    amount="? in 0.2..0.8",
    border={"reflect": 3, "zero": 2},
    diagonal={False: 2, True: 1},
    presmoothed={False: 3, True: 1},
    bounds={None: 2, "unit": 1, "signed": 1},
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
)
def laplacian_sharpen(
    image, amount=None, *, border="reflect", diagonal=False, presmoothed=False, bounds=None
):
    """Sharpens a grey image by subtracting its Laplacian.

    Args:
        image: A grey image, shape (height, width).
        amount: Factor of the Laplacian.
    """
    if presmoothed:
        # The Laplacian of a blurred image is less noisy.
        detail = laplacian(binomial_blur(image), border, diagonal)
    else:
        detail = laplacian(image, border, diagonal)
    if amount is not None:
        sharpened = image - amount * detail
    else:
        sharpened = image - 0.25 * detail
    if bounds == "unit":
        sharpened = jnp.clip(sharpened, 0.0, 1.0)
    elif bounds == "signed":
        sharpened = jnp.clip(sharpened, -1.0, 1.0)
    return sharpened


def gaussian_kernel(radius=2, sigma=1.0):
    offsets = jnp.arange(-radius, radius + 1)
    weights = jnp.exp(-0.5 * jnp.square(offsets / sigma))
    return weights / jnp.sum(weights)


def blur(image, radius=2, sigma=1.0, border="reflect"):
    """Gaussian blur along each axis in turn."""
    kernel = gaussian_kernel(radius, sigma)
    h, w = image.shape
    if border == "edge":
        padded = jnp.pad(image, radius, mode="edge")
    else:
        padded = jnp.pad(image, radius)
    rows = sum([kernel[i] * padded[i : i + h] for i in range(kernel.shape[0])])
    return sum([kernel[i] * rows[:, i : i + w] for i in range(kernel.shape[0])])


def blur_by_convolution(image, radius=2, sigma=1.0, border="reflect"):
    kernel = gaussian_kernel(radius, sigma)
    if border == "edge":
        image = jnp.pad(image, radius, mode="edge")
        mode = "valid"
    else:
        mode = "same"
    convolve = jax.vmap(lambda line: jnp.convolve(line, kernel, mode=mode))
    return convolve(convolve(image).T).T


def blur_by_matrices(image, radius=2, sigma=1.0, border="reflect"):
    """Gaussian blur as products with band matrices."""
    h, w = image.shape

    def make_band(n):
        distance = jnp.arange(n)[:, None] - jnp.arange(n)[None, :]
        weights = jnp.exp(-0.5 * jnp.square(distance / sigma))
        weights = weights * (jnp.abs(distance) <= radius)
        return weights / jnp.sum(weights, axis=1, keepdims=True)

    return make_band(h) @ image @ make_band(w).T


@family(
    "contraction",
    "branch",
    "multi_statement",
    "scalar_array",
    image="h w",
    amount="? in 0.3..2",
    blurring=(Code("blur"), Code("blur_by_convolution"), Code("blur_by_matrices")),
    radius=(2,),
    sigma=(0.8, 1.0, 1.5),
    border={"edge": 2, "zero": 1},
    threshold={None: 2, 0.1: 1, 0.2: 1},
    bounds={None: 2, "unit": 1, "signed": 1},
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
    weight=14,
    only="float32",
)
def unsharp_mask(
    image,
    amount=None,
    *,
    blurring=None,
    radius=2,
    sigma=1.0,
    border="edge",
    threshold=None,
    bounds=None,
):
    """Sharpens a grey image by unsharp masking.

    Args:
        image: A grey image, shape (height, width).
        amount: Factor of the details that are added.
    """
    blurred = blurring(image, radius, sigma, border)
    detail = image - blurred
    if threshold is not None:
        # Weak details are taken for noise.
        detail = jnp.where(jnp.abs(detail) > threshold, detail, 0.0)
    if amount is not None:
        detail = amount * detail
    sharpened = image + detail
    if bounds == "unit":
        sharpened = jnp.clip(sharpened, 0.0, 1.0)
    elif bounds == "signed":
        sharpened = jnp.clip(sharpened, -1.0, 1.0)
    return sharpened


@family(
    "contraction",
    "multi_statement",
    image="h w",
    blurring=(Code("blur"), Code("blur_by_convolution"), Code("blur_by_matrices")),
    sigma=(0.6, 0.8, 1.0),
    ratio=(1.6, 2.0),
    border={"edge": 2, "zero": 1},
    extended={False: 3, True: 1},
    absolute={False: 3, True: 1},
    sizes={"h": (8, 10), "w": (8, 10)},
    only="float32",
)
def difference_of_gaussians(
    image,
    *,
    blurring=None,
    sigma=0.8,
    ratio=1.6,
    border="edge",
    extended=False,
    absolute=False,
):
    """Difference of a narrow and a wide Gaussian blur of a grey image."""
    narrow = blurring(image, 2, sigma, border)
    wide = blurring(image, 3, ratio * sigma, border)
    if extended:
        # The extended difference of Gaussians keeps some of the tones.
        difference = narrow - 0.95 * wide
    else:
        difference = narrow - wide
    if absolute:
        difference = jnp.abs(difference)
    return difference


def dilate(image, size=3):
    return lax.reduce_window(image, -jnp.inf, lax.max, (size, size), (1, 1), "SAME")


def erode(image, size=3):
    return lax.reduce_window(image, jnp.inf, lax.min, (size, size), (1, 1), "SAME")


def dilate_by_shifts(image, size=3):
    h, w = image.shape
    padded = jnp.pad(image, size // 2, mode="edge")
    rows = padded[:h]
    for i in range(1, size):
        rows = jnp.maximum(rows, padded[i : i + h])
    out = rows[:, :w]
    for i in range(1, size):
        out = jnp.maximum(out, rows[:, i : i + w])
    return out


def erode_by_shifts(image, size=3):
    return -dilate_by_shifts(-image, size)


@family(
    "contraction",
    "reduction",
    "branch",
    "nested_branch",
    image="h w",
    dilation=(Code("dilate"), Code("dilate_by_shifts")),
    erosion=(Code("erode"), Code("erode_by_shifts")),
    size={3: 3, 5: 1},
    smoothed={False: 3, True: 1},
    weight=6,
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
)
def open_image(image, *, dilation=None, erosion=None, size=3, smoothed=False):
    """Morphological opening of a grey image by a square window, which removes bright spots."""
    if smoothed:
        image = binomial_blur(image)
    return dilation(erosion(image, size), size)


@family(
    "contraction",
    "reduction",
    "branch",
    "nested_branch",
    image="h w",
    dilation=(Code("dilate"), Code("dilate_by_shifts")),
    erosion=(Code("erode"), Code("erode_by_shifts")),
    size={3: 3, 5: 1},
    smoothed={False: 3, True: 1},
    black={False: 3, True: 2},
    weight=6,
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
)
def top_hat(image, *, dilation=None, erosion=None, size=3, smoothed=False, black=False):
    """Top-hat transform of a grey image: small spots against their surroundings."""
    if smoothed:
        image = binomial_blur(image)
    if black:
        # Dark spots.
        return erosion(dilation(image, size), size) - image
    return image - dilation(erosion(image, size), size)


@family(
    "contraction",
    "reduction",
    "branch",
    "nested_branch",
    image="h w",
    dilation=(Code("dilate"), Code("dilate_by_shifts")),
    erosion=(Code("erode"), Code("erode_by_shifts")),
    size={3: 3, 5: 1},
    smoothed={False: 3, True: 1},
    half={None: 3, "internal": 1, "external": 1},
    weight=6,
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
)
def morphological_gradient(
    image, *, dilation=None, erosion=None, size=3, smoothed=False, half=None
):
    """Morphological gradient of a grey image, which is high at edges."""
    if smoothed:
        image = binomial_blur(image)
    if half == "internal":
        return image - erosion(image, size)
    elif half == "external":
        return dilation(image, size) - image
    return dilation(image, size) - erosion(image, size)


@family(
    "contraction",
    "reduction",
    "branch",
    "nested_branch",
    image="h w",
    dilation=(Code("dilate"), Code("dilate_by_shifts")),
    erosion=(Code("erode"), Code("erode_by_shifts")),
    size={3: 3, 5: 1},
    smoothed={False: 3, True: 1},
    gap={None: 3, 0.5: 1},
    weight=6,
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
)
def toggle_contrast(image, *, dilation=None, erosion=None, size=3, smoothed=False, gap=None):
    """Toggle mapping of a grey image: each pixel becomes the nearer extreme of its window."""
    if smoothed:
        image = binomial_blur(image)
    high, low = dilation(image, size), erosion(image, size)
    toggled = jnp.where(high - image < image - low, high, low)
    if gap is not None:
        # Flat windows stay as they are.
        toggled = jnp.where(high - low > gap, toggled, image)
    return toggled


@family(
    "contraction",
    "reduction",
    "branch",
    image="h w",
    dilation=(Code("dilate"), Code("dilate_by_shifts")),
    size={3: 3, 5: 1},
    smoothed={False: 2, True: 1},
    threshold={None: 2, 0.0: 1, 0.5: 1},
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
)
def suppress_nonmaxima(image, *, dilation=None, size=3, smoothed=False, threshold=None):
    """Non-maximum suppression of a map of scores, shape (height, width)."""
    if smoothed:
        image = binomial_blur(image)
    highest = dilation(image, size)
    peaks = jnp.where(image == highest, image, 0.0)
    if threshold is not None:
        # Low peaks are dropped.
        peaks = jnp.where(image > threshold, peaks, 0.0)
    return peaks


# ---------------------------------------------------------------- sampling and augmentation


def sample_bilinear(image, y, x, border="clamp"):
    """The image at places (y, x) between its pixels."""
    h, w = image.shape
    if border == "clamp":
        y = jnp.clip(y, 0.0, h - 1.0)
        x = jnp.clip(x, 0.0, w - 1.0)
    top, left = jnp.floor(y), jnp.floor(x)
    fy, fx = y - top, x - left
    y0, x0 = top.astype(jnp.int32), left.astype(jnp.int32)
    if border == "wrap":
        y0, x0 = y0 % h, x0 % w
        y1, x1 = (y0 + 1) % h, (x0 + 1) % w
    elif border == "zero":
        inside = (y >= 0) & (y <= h - 1) & (x >= 0) & (x <= w - 1)
        y0, x0 = jnp.clip(y0, 0, h - 1), jnp.clip(x0, 0, w - 1)
        y1, x1 = jnp.minimum(y0 + 1, h - 1), jnp.minimum(x0 + 1, w - 1)
    else:
        y1, x1 = jnp.minimum(y0 + 1, h - 1), jnp.minimum(x0 + 1, w - 1)
    pixels = image.reshape(-1)
    upper = (1 - fx) * pixels[y0 * w + x0] + fx * pixels[y0 * w + x1]
    lower = (1 - fx) * pixels[y1 * w + x0] + fx * pixels[y1 * w + x1]
    value = (1 - fy) * upper + fy * lower
    if border == "zero":
        return jnp.where(inside, value, 0.0)
    else:
        return value


def sample_by_weights(image, y, x, border="clamp"):
    """Bilinear samples as sums over all pixels, of which four at most have a weight."""
    h, w = image.shape
    if border == "clamp":
        y = jnp.clip(y, 0.0, h - 1.0)
        x = jnp.clip(x, 0.0, w - 1.0)
    rows = y[..., None] - jnp.arange(h)
    columns = x[..., None] - jnp.arange(w)
    if border == "wrap":
        rows = jnp.minimum(jnp.abs(rows), h - jnp.abs(rows))
        columns = jnp.minimum(jnp.abs(columns), w - jnp.abs(columns))
    w_rows = jnp.maximum(1.0 - jnp.abs(rows), 0.0)
    w_columns = jnp.maximum(1.0 - jnp.abs(columns), 0.0)
    return jnp.einsum("ijr,ijc,rc->ij", w_rows, w_columns, image)


@family(
    "contraction",
    "scalar_array",
    "elementwise",
    "branch",
    "reduction",
    image="h w",
    angle="in 0.2..0.6",
    offset="? 2 in -0.9..0.9",
    zoom="? in 0.8..1.25",
    shear="? in 0.1..0.4",
    border={"clamp": 3, "wrap": 1, "zero": 2},
    sample={Code("sample_bilinear"): 3, Code("sample_by_weights"): 2},
    sizes={"h": (4, 5, 6), "w": (4, 5, 6, 8)},
    weight=14,
    only="float32",
)
def warp_image(image, angle, offset=None, zoom=None, shear=None, *, border="clamp", sample=None):
    """Applies an affine transform about the centre to a grey image, with bilinear sampling.

    Args:
        image: A grey image, shape (height, width).
        angle: Angle of the rotation, in radians.
        offset: Translation down and to the right, in pixels.
        zoom: Scale of the image.
        shear: Horizontal shear.
    """
    h, w = image.shape
    y, x = jnp.meshgrid(jnp.arange(h), jnp.arange(w), indexing="ij")
    y, x = y - (h - 1) / 2, x - (w - 1) / 2
    if offset is not None:
        y, x = y - offset[0], x - offset[1]
    if zoom is not None:
        y, x = y / zoom, x / zoom
    if shear is not None:
        x = x - shear * y
    # Each pixel looks where it comes from.
    c, s = jnp.cos(angle), jnp.sin(angle)
    y, x = c * y - s * x, s * y + c * x
    return sample(image, y + (h - 1) / 2, x + (w - 1) / 2, border)


@family(
    "contraction",
    "scalar_array",
    "elementwise",
    "branch",
    "reduction",
    left="h w",
    right="h w",
    disparity="h w in 0.1..1.9",
    mask="? h w in 0.1..1",
    penalty={"l1": 3, "charbonnier": 2, "l2": 1},
    smoothness={None: 2, 0.1: 2},
    aware={False: 1, True: 2},
    sampling={"gather": 3, "weights": 1},
    sizes={"h": (4, 5, 6), "w": (6, 8, 10)},
    only="float32",
)
def stereo_photometric_loss(
    left,
    right,
    disparity,
    mask=None,
    *,
    penalty="l1",
    smoothness=None,
    aware=True,
    sampling="gather",
):
    """Photometric loss of a disparity map between two rectified grey images.

    Args:
        left: The left image, shape (height, width).
        right: The right image, which is warped to the left one.
        disparity: Horizontal disparities of the left image in pixels.
        mask: Weights of the pixels.
    """
    _, w = left.shape
    x = jnp.clip(jnp.arange(w) - disparity, 0.0, w - 1.0)
    if sampling == "weights":
        # Linear interpolation as a product with hat functions.
        hats = jnp.maximum(1.0 - jnp.abs(x[..., None] - jnp.arange(w)), 0.0)
        warped = jnp.einsum("ijc,ic->ij", hats, right)
    else:
        x0 = jnp.floor(x).astype(jnp.int32)
        x1 = jnp.minimum(x0 + 1, w - 1)
        share = x - x0
        near = jnp.take_along_axis(right, x0, axis=1)
        warped = (1.0 - share) * near + share * jnp.take_along_axis(right, x1, axis=1)
    error = warped - left
    if penalty == "charbonnier":
        error = jnp.sqrt(error**2 + 1e-3)
    elif penalty == "l2":
        error = error**2
    else:
        error = jnp.abs(error)
    if mask is not None:
        loss = jnp.sum(mask * error) / jnp.sum(mask)
    else:
        loss = jnp.mean(error)
    if smoothness is not None:
        steps = jnp.abs(disparity[:, 1:] - disparity[:, :-1])
        if aware:
            # Edges of the image may be edges of the disparity.
            steps = steps * jnp.exp(-jnp.abs(left[:, 1:] - left[:, :-1]))
        loss = loss + smoothness * jnp.mean(steps)
    return loss


@family(
    "elementwise",
    "multi_statement",
    "contraction",
    images="b h w",
    labels="b k in 0..1",
    lam="b in 0.2..0.8",
    partner={"roll": 2, "flip": 2},
    dominant={False: 3, True: 1},
    smoothing={None: 3, 0.1: 1},
    form=decided({"weighted": 3, "difference": 1}),
    sizes={"b": (2, 4), "h": (4, 5, 6), "w": (4, 5, 6), "k": (2, 3, 5)},
    weight=12,
    only="float32",
)
def mixup(images, labels, lam, *, partner="flip", dominant=False, smoothing=None, form="weighted"):
    """Mixup of a batch with itself in another order.

    Args:
        images: Grey images, shape (batch, height, width).
        labels: One-hot or soft labels, shape (batch, classes).
        lam: Share that each image keeps, shape (batch,).

    Returns:
        The mixed images and labels.
    """
    if dominant:
        # Each image keeps the larger share.
        lam = jnp.maximum(lam, 1.0 - lam)
    if smoothing is not None:
        # Label smoothing.
        labels = (1.0 - smoothing) * labels + smoothing / labels.shape[-1]
    if partner == "roll":
        others, other_labels = jnp.roll(images, 1, axis=0), jnp.roll(labels, 1, axis=0)
    else:
        others, other_labels = images[::-1], labels[::-1]
    share, label_share = lam[:, None, None], lam[:, None]
    if form == "difference":
        mixed = others + share * (images - others)
        mixed_labels = other_labels + label_share * (labels - other_labels)
    else:
        mixed = share * images + (1.0 - share) * others
        mixed_labels = label_share * labels + (1.0 - label_share) * other_labels
    return mixed, mixed_labels


def box_mask(h=6, w=6, size=2, top=1, left=1):
    """1 inside a square, and 0 elsewhere."""
    rows, columns = jnp.arange(h)[:, None], jnp.arange(w)[None, :]
    inside = (rows >= top) & (rows < top + size) & (columns >= left) & (columns < left + size)
    return inside.astype(jnp.float32)


@family(
    "elementwise",
    "multi_statement",
    "contraction",
    images="b h w",
    labels="b k in 0..1",
    partner={"roll": 2, "flip": 2},
    blend_form=decided({"where": 2, "arithmetic": 2}),
    size=(2, 3),
    top=(0, 1, 2),
    left=(0, 1),
    sizes={"b": (2, 4), "h": (5, 6), "w": (5, 6), "k": (2, 3, 5)},
    weight=6,
    only="float32",
)
def cutmix(images, labels, *, partner="flip", blend_form="where", size=2, top=1, left=1):
    """CutMix: a box of each image is pasted from another one, and labels mix by area.

    Args:
        images: Grey images, shape (batch, height, width).
        labels: One-hot or soft labels, shape (batch, classes).
    """
    if partner == "roll":
        others, other_labels = jnp.roll(images, 1, axis=0), jnp.roll(labels, 1, axis=0)
    else:
        others, other_labels = images[::-1], labels[::-1]
    _, h, w = images.shape
    mask = box_mask(h, w, size, top, left)
    if blend_form == "arithmetic":
        mixed = (1.0 - mask) * images + mask * others
    else:
        mixed = jnp.where(mask > 0.0, others, images)
    pasted = size * size / (h * w)
    return mixed, (1.0 - pasted) * labels + pasted * other_labels


@family(
    "contraction",
    "vector",
    "multi_statement",
    image="h w c",
    weights="h w in 0.2..1",
    scale="? c in 0.5..1.5",
    offset="? c in -0.5..0.5",
    over={"channel": 4, "image": 2},
    kind={"standard": 4, "rms": 1, "mean_absolute": 1},
    variance={"two_pass": 3, "moments": 1},
    eps=(1e-5, 1e-3),
    sizes={"h": (3, 4, 5), "w": (3, 4, 5, 6), "c": (2, 4, 4)},
    weight=12,
    only="float32",
)
def normalise_image(
    image,
    weights,
    scale=None,
    offset=None,
    *,
    over="channel",
    kind="standard",
    variance="two_pass",
    eps=1e-3,
):
    """Normalizes an image by weighted statistics of its pixels.

    Args:
        image: An image, shape (height, width, channels).
        weights: Weights of the pixels in the statistics, shape (height, width).
        scale: Factors of the normalized channels.
        offset: Offsets of the normalized channels.
    """
    shares = (weights / jnp.sum(weights))[..., None]
    if over == "image":
        shares = shares / image.shape[-1]
        axes = (0, 1, 2)
    else:
        axes = (0, 1)
    if kind == "rms":
        power = jnp.sum(shares * jnp.square(image), axis=axes, keepdims=True)
        normalised = image * lax.rsqrt(power + eps)
    elif kind == "mean_absolute":
        centred = image - jnp.sum(shares * image, axis=axes, keepdims=True)
        deviation = jnp.sum(shares * jnp.abs(centred), axis=axes, keepdims=True)
        normalised = centred / (deviation + eps)
    else:
        mean = jnp.sum(shares * image, axis=axes, keepdims=True)
        if variance == "moments":
            var = jnp.sum(shares * jnp.square(image), axis=axes, keepdims=True) - mean**2
        else:
            var = jnp.sum(shares * jnp.square(image - mean), axis=axes, keepdims=True)
        normalised = (image - mean) * lax.rsqrt(var + eps)
    if scale is not None:
        normalised = normalised * scale
    if offset is not None:
        normalised = normalised + offset
    return normalised


# ---------------------------------------------------------------- tones


def hable(x):
    """Hable's filmic curve, with a toe and a shoulder."""
    return (x * (0.15 * x + 0.05) + 0.004) / (x * (0.15 * x + 0.5) + 0.06) - 0.0667


def aces(x):
    """Narkowicz' fit of the ACES curve."""
    return x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)


@family(
    "contraction",
    "branch",
    "scalar_array",
    "unary",
    image="... h w in 0.05..3",
    exposure="? in 0.5..2",
    white="? in 2..5",
    curve={"reinhard": 3, "hable": 2, "aces": 2, "exponential": 1, "drago": 1},
    key={None: 2, 0.18: 2, 0.36: 1},
    encoding={None: 3, "gamma": 2, "srgb": 1},
    stops={False: 2, True: 1},
    sizes={"h": (2, 4, 5, 6), "w": (4, 5, 6, 8)},
    weight=14,
    only="float32",
)
def tone_map(
    image,
    exposure=None,
    white=None,
    *,
    curve="reinhard",
    key=None,
    encoding=None,
    stops=False,
):
    """Global tone mapping of the luminance of a scene.

    Args:
        image: Linear luminance.
        exposure: The exposure.
        white: The luminance that becomes white.
    """
    if key is not None:
        # The log-average becomes middle grey.
        average = jnp.exp(jnp.mean(jnp.log(image + 1e-3)))
        image = key * image / average
    if exposure is not None:
        if stops:
            image = 2.0**exposure * image
        else:
            image = exposure * image
    if curve == "hable":
        if white is not None:
            out = hable(2.0 * image) / hable(2.0 * white)
        else:
            out = hable(2.0 * image) / hable(11.2)
    elif curve == "reinhard":
        if white is not None:
            out = image * (1.0 + image / jnp.square(white)) / (1.0 + image)
        else:
            out = image / (1.0 + image)
    elif curve == "drago":
        if white is None:
            white = 4.0
        base = jnp.log(2.0 + 8.0 * (image / white) ** 0.234)
        out = jnp.log1p(image) / (base * jnp.log10(1.0 + white))
    else:
        if white is not None:
            image = image / white
        out = aces(image) if curve == "aces" else 1.0 - jnp.exp(-image)
    if encoding == "srgb":
        out = linear_to_srgb(out)
    elif encoding == "gamma":
        out = jnp.maximum(out, 1e-4) ** (1.0 / 2.2)
    return out


# ---------------------------------------------------------------- comparisons


def local_mean(image, size=3):
    """Mean of the window around each pixel; beyond the border there are zeros."""
    total = lax.reduce_window(image, 0.0, lax.add, (size, size), (1, 1), "SAME")
    return total / (size * size)


def window_mean(image, size=3):
    """Mean of each window that lies inside."""
    total = lax.reduce_window(image, 0.0, lax.add, (size, size), (1, 1), "VALID")
    return total / (size * size)


def gaussian_mean(image, size=3):
    """Mean of each window that lies inside, with Gaussian weights."""
    offsets = jnp.arange(size) - (size - 1) / 2
    kernel = jnp.exp(-0.5 * jnp.square(offsets / 1.5))
    kernel = kernel / jnp.sum(kernel)
    h, w = image.shape[0] - size + 1, image.shape[1] - size + 1
    rows = sum([kernel[i] * image[i : i + h] for i in range(size)])
    return sum([kernel[i] * rows[:, i : i + w] for i in range(size)])


@family(
    "reduction",
    image="h w in 0..1",
    target="h w in 0..1",
    alpha="? in 0.5..2",
    window={Code("window_mean"): 3, Code("gaussian_mean"): 3, None: 1},
    size=(3, 4),
    unbiased={False: 2, True: 1},
    form={"product": 3, "separate": 1},
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
    weight=14,
    only="float32",
)
def ssim(image, target, alpha=None, *, window=None, size=3, unbiased=False, form="product"):
    """Structural similarity of two grey images with values from 0 to 1.

    Args:
        image: A grey image, shape (height, width).
        target: The reference image.
        alpha: Exponent of the luminance term.
    """
    c1, c2 = 0.01**2, 0.03**2
    if window is None:
        # One window as large as the image.
        mean_x, mean_y = jnp.mean(image), jnp.mean(target)
        var_x, var_y = jnp.var(image), jnp.var(target)
        cov = jnp.mean((image - mean_x) * (target - mean_y))
    else:
        mean_x, mean_y = window(image, size), window(target, size)
        var_x = window(jnp.square(image), size) - jnp.square(mean_x)
        var_y = window(jnp.square(target), size) - jnp.square(mean_y)
        cov = window(image * target, size) - mean_x * mean_y
        if unbiased:
            correction = size * size / (size * size - 1.0)
            var_x, var_y, cov = correction * var_x, correction * var_y, correction * cov
    luminance_term = (2.0 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    if alpha is not None:
        luminance_term = luminance_term**alpha
    if form == "separate":
        deviations = jnp.sqrt(jnp.maximum(var_x * var_y, 1e-8))
        contrast = (2.0 * deviations + c2) / (var_x + var_y + c2)
        structure = (cov + 0.5 * c2) / (deviations + 0.5 * c2)
        return jnp.mean(luminance_term * contrast * structure)
    return jnp.mean(luminance_term * (2.0 * cov + c2) / (var_x + var_y + c2))


@family(
    "reduction",
    image="b h w in 0..1",
    target="b h w in 0..1",
    mask="? b h w in 0.2..1",
    averaged={"images": 3, "all": 2},
    form=decided({"ratio": 2, "negative": 2}),
    per_image={False: 2, True: 1},
    border={0: 3, 1: 1},
    sizes={"b": (2, 3, 4), "h": (4, 5, 6), "w": (4, 5, 6)},
    only="float32",
)
def psnr(
    image,
    target,
    mask=None,
    *,
    averaged="images",
    form="ratio",
    per_image=False,
    border=0,
):
    """Peak signal-to-noise ratio of a batch of grey images, in decibels.

    Args:
        image: Images with values from 0 to 1, shape (batch, height, width).
        target: The reference images.
        mask: Weights of the pixels.
    """
    error = jnp.square(image - target)
    if mask is not None:
        error = mask * error
    if border == 1:
        # Pixels at the border don't count.
        error = error[:, 1:-1, 1:-1]
        if mask is not None:
            mask = mask[:, 1:-1, 1:-1]
    axes = None if averaged == "all" and not per_image else (1, 2)
    if mask is not None:
        mse = jnp.sum(error, axis=axes) / jnp.sum(mask, axis=axes)
    else:
        mse = jnp.mean(error, axis=axes)
    if form == "negative":
        ratio = -10.0 * jnp.log10(mse + 1e-6)
    else:
        ratio = 10.0 * jnp.log10(1.0 / (mse + 1e-6))
    if per_image or averaged == "all":
        return ratio
    return jnp.mean(ratio)


# ---------------------------------------------------------------- smoothing flows


def iterate_fori(step, x, num_steps):
    return lax.fori_loop(0, num_steps, lambda i, x: step(x), x)


def iterate_scan(step, x, num_steps):
    x, _ = lax.scan(lambda x, _: (step(x), None), x, None, length=num_steps)
    return x


def forward_differences(image):
    gx = jnp.pad(image[:, 1:] - image[:, :-1], ((0, 0), (0, 1)))
    gy = jnp.pad(image[1:] - image[:-1], ((0, 1), (0, 0)))
    return gx, gy


@family(
    "loop",
    "scalar_array",
    "multi_statement",
    "unary",
    "elementwise",
    noisy="h w",
    fidelity="? h w in 0.5..2",
    iterate={Code("iterate_fori"): 3, Code("iterate_scan"): 2},
    steps=(2, 4, 8),
    rate=(0.05, 0.1),
    norm={"isotropic": 3, "anisotropic": 1},
    start={"noisy": 3, "blurred": 1},
    eps=(1e-2, 0.1),
    sizes={"h": (4, 5, 6), "w": (4, 5, 6, 8)},
    only="float32",
)
def denoise_total_variation(
    noisy,
    fidelity=None,
    *,
    iterate=None,
    steps=4,
    rate=0.1,
    norm="isotropic",
    start="noisy",
    eps=0.1,
):
    """Denoises a grey image by gradient steps on its smoothed total variation.

    Args:
        noisy: A noisy grey image, shape (height, width).
        fidelity: Weights of the squared distances of the pixels from the noisy image.
    """

    def step(u):
        gx, gy = forward_differences(u)
        if norm == "anisotropic":
            px, py = gx / jnp.sqrt(gx**2 + eps), gy / jnp.sqrt(gy**2 + eps)
        else:
            length = jnp.sqrt(gx**2 + gy**2 + eps)
            px, py = gx / length, gy / length
        # The divergence by backward differences.
        divergence = px - jnp.pad(px[:, :-1], ((0, 0), (1, 0)))
        divergence = divergence + py - jnp.pad(py[:-1], ((1, 0), (0, 0)))
        if fidelity is not None:
            return u + rate * (divergence - fidelity * (u - noisy))
        return u + rate * (divergence - (u - noisy))

    if start == "blurred":
        return iterate(step, binomial_blur(noisy), steps)
    return iterate(step, noisy, steps)


@family(
    "loop",
    "scalar_array",
    "multi_statement",
    "unary",
    "elementwise",
    image="h w",
    kappa=(0.5, 0.8, 1.5),
    iterate={Code("iterate_fori"): 3, Code("iterate_scan"): 2},
    steps=(2, 4, 8),
    rate=(0.1, 0.2),
    conductance={"exponential": 3, "rational": 2, "charbonnier": 1},
    border={"edge": 3, "reflect": 1},
    regularized={False: 3, True: 1},
    sizes={"h": (4, 5, 6), "w": (4, 5, 6, 8)},
    only="float32",
)
def perona_malik(
    image,
    *,
    iterate=None,
    steps=4,
    rate=0.2,
    conductance="exponential",
    border="edge",
    regularized=False,
    kappa=0.8,
):
    """Perona-Malik diffusion of a grey image, which keeps edges with slopes above kappa."""

    def step(u):
        change = jnp.zeros_like(u)
        guide = binomial_blur(u) if regularized else u
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            difference = shift(u, dy, dx, border) - u
            if regularized:
                # The conductance is that of a blurred image.
                slope = (shift(guide, dy, dx, border) - guide) / kappa
            else:
                slope = difference / kappa
            if conductance == "rational":
                flux = difference / (1.0 + slope**2)
            elif conductance == "charbonnier":
                flux = difference / jnp.sqrt(1.0 + slope**2)
            else:
                flux = difference * jnp.exp(-(slope**2))
            change = change + flux
        return u + rate * change

    return iterate(step, image, steps)


@family(
    "reduction",
    image="h w",
    weights="? h w in 0.2..1",
    norm={"isotropic": 3, "anisotropic": 2, "huber": 1},
    form=decided({"slices": 3, "diff": 1}),
    mean={False: 2, True: 1},
    border={"open": 3, "wrap": 1},
    eps=(1e-4, 1e-3),
    sizes={"h": (4, 5, 6), "w": (4, 5, 6, 8)},
    only="float32",
)
def total_variation(
    image, weights=None, *, norm="isotropic", form="slices", mean=False, border="open", eps=1e-3
):
    """Total variation of a grey image, as a regularizer.

    Args:
        image: A grey image, shape (height, width).
        weights: Weights of the pixels.
    """
    if border == "wrap":
        gx, gy = jnp.roll(image, -1, axis=1) - image, jnp.roll(image, -1, axis=0) - image
    elif form == "diff":
        gx = jnp.pad(jnp.diff(image, axis=1), ((0, 0), (0, 1)))
        gy = jnp.pad(jnp.diff(image, axis=0), ((0, 1), (0, 0)))
    else:
        gx, gy = forward_differences(image)
    if norm == "anisotropic":
        variation = jnp.abs(gx) + jnp.abs(gy)
    elif norm == "huber":
        power = gx**2 + gy**2
        length = jnp.sqrt(power + eps)
        variation = jnp.where(length < 0.5, power, length - 0.25)
    else:
        variation = jnp.sqrt(gx**2 + gy**2 + eps)
    if weights is not None:
        variation = weights * variation
    if mean:
        return jnp.mean(variation)
    return jnp.sum(variation)


# ---------------------------------------------------------------- statistics and blocks


def bin_pixels(pixels, num_bins=6, kernel="gaussian"):
    """How much each pixel belongs to each of the bins from 0 to 1."""
    width = 1.0 / num_bins
    centres = (jnp.arange(num_bins) + 0.5) * width
    offset = (pixels.reshape(-1, 1) - centres) / width
    if kernel == "triangular":
        return jnp.maximum(1.0 - jnp.abs(offset), 0.0)
    elif kernel == "sigmoid":
        return jax.nn.sigmoid(6.0 * (offset + 0.5)) - jax.nn.sigmoid(6.0 * (offset - 0.5))
    elif kernel == "epanechnikov":
        return jnp.maximum(1.0 - jnp.square(offset / 1.5), 0.0)
    else:
        return jnp.exp(-0.5 * jnp.square(offset / 0.8))


@family(
    "reduction",
    image="h w in 0..1",
    weights="? h w in 0.1..1",
    num_bins=(4, 5, 6, 8),
    kernel={"gaussian": 3, "epanechnikov": 1, "sigmoid": 2},
    averaged={True: 2, False: 1},
    cumulative={False: 3, True: 1},
    sizes={"h": (4, 5, 6), "w": (4, 5, 6, 8)},
    weight=14,
    only="float32",
)
def soft_histogram(
    image, weights=None, *, num_bins=6, kernel="gaussian", averaged=True, cumulative=False
):
    """Differentiable histogram of the tones of a grey image.

    Args:
        image: Tones from 0 to 1, shape (height, width).
        weights: Weights of the pixels.
    """
    shares = bin_pixels(image, num_bins, kernel)
    if weights is not None:
        shares = shares * weights.reshape(-1, 1)
    if averaged:
        counts = jnp.mean(shares, axis=0)
    else:
        counts = jnp.sum(shares, axis=0)
    if cumulative:
        counts = jnp.cumsum(counts)
    return counts


@family(
    "reduction",
    image="h w in 0..1",
    target="h w in 0..1",
    weights="? h w in 0.1..1",
    num_bins=(4, 5, 6, 8),
    kernel={"gaussian": 3, "triangular": 2, "sigmoid": 2},
    distance={"l2": 3, "chi_squared": 1, "bhattacharyya": 1, "kl": 1, "emd": 2},
    sizes={"h": (4, 5, 6), "w": (4, 5, 6, 8)},
    weight=10,
    only="float32",
)
def histogram_distance(
    image, target, weights=None, *, num_bins=6, kernel="gaussian", distance="l2"
):
    """Distance between the soft histograms of two grey images.

    Args:
        image: Tones from 0 to 1, shape (height, width).
        target: Tones of the other image.
        weights: Weights of the pixels of the first image.
    """
    shares = bin_pixels(image, num_bins, kernel)
    if weights is not None:
        shares = shares * weights.reshape(-1, 1)
    p = jnp.sum(shares, axis=0)
    q = jnp.sum(bin_pixels(target, num_bins, kernel), axis=0)
    p, q = p / (jnp.sum(p) + 1e-3), q / (jnp.sum(q) + 1e-3)
    if distance == "kl":
        return jnp.sum(p * jnp.log((p + 1e-3) / (q + 1e-3)))
    elif distance == "chi_squared":
        return 0.5 * jnp.sum(jnp.square(p - q) / (p + q + 1e-3))
    elif distance == "bhattacharyya":
        return -jnp.log(jnp.sum(jnp.sqrt(p * q + 1e-6)))
    elif distance == "emd":
        # The earth mover's distance in one dimension.
        return jnp.sum(jnp.abs(jnp.cumsum(p - q))) / num_bins
    else:
        return jnp.sum(jnp.square(p - q))


def sincos_positions(n, d):
    position = jnp.arange(n)[:, None]
    angle = position / 10000.0 ** (jnp.arange(d) // 2 * 2 / d)
    return jnp.where(jnp.arange(d) % 2 == 0, jnp.sin(angle), jnp.cos(angle))


def extract_patches(image, patch=2):
    h, w, c = image.shape
    blocks = image.reshape(h // patch, patch, w // patch, patch, c)
    return blocks.transpose(0, 2, 1, 3, 4).reshape(-1, patch * patch * c)


def gather_patches(image, patch=2):
    h, w, _ = image.shape
    rows = patch * jnp.arange(h // patch)[:, None] + jnp.arange(patch)
    columns = patch * jnp.arange(w // patch)[:, None] + jnp.arange(patch)
    blocks = image[rows[:, None, :, None], columns[None, :, None, :]]
    return blocks.reshape(rows.shape[0] * columns.shape[0], -1)


def split_patches(image, patch=2):
    h, w, _ = image.shape
    return jnp.stack(
        [
            image[top : top + patch, left : left + patch].reshape(-1)
            for top in range(0, h, patch)
            for left in range(0, w, patch)
        ]
    )


@family(
    "reduction",
    "contraction",
    "vector",
    image="p*h p*w c",
    kernel="p*p*c e in -0.5..0.5",
    bias="? e",
    cls_token="? e",
    patch=(Code("p"),),
    positions={None: 2, "sincos": 2},
    norm={None: 3, "layer": 1, "rms": 1},
    extract=(Code("extract_patches"), Code("gather_patches"), Code("split_patches")),
    pooled={None: 3, "mean": 1},
    sizes={"p": (2, 2, 4), "h": (2, 3), "w": (2, 3), "c": (1, 2, 3, 4), "e": (4, 6, 8, 12)},
    weight=14,
)
def embed_patches(
    image,
    kernel,
    bias=None,
    cls_token=None,
    *,
    patch=2,
    positions=None,
    norm=None,
    extract=None,
    pooled=None,
):
    """Patch embedding of an image, as in a vision transformer.

    Args:
        image: An image, shape (height, width, channels).
        kernel: Weights from the values of a patch to its embedding.
        bias: Bias of the embeddings.
        cls_token: A class token, which is put before the patches.
    """
    tokens = extract(image, patch)
    if norm == "layer":
        mean = jnp.mean(tokens, axis=-1, keepdims=True)
        tokens = (tokens - mean) / jnp.sqrt(jnp.var(tokens, axis=-1, keepdims=True) + 1e-5)
    elif norm == "rms":
        power = jnp.mean(jnp.square(tokens), axis=-1, keepdims=True)
        tokens = tokens * lax.rsqrt(power + 1e-5)
    tokens = tokens @ kernel
    if bias is not None:
        tokens = tokens + bias
    if cls_token is not None:
        tokens = jnp.concatenate([cls_token[None, :], tokens], axis=0)
    if positions == "sincos":
        tokens = tokens + sincos_positions(tokens.shape[0], tokens.shape[1])
    if pooled == "mean":
        # One embedding of the whole image.
        return jnp.mean(tokens, axis=0)
    return tokens


def downsample(image):
    """Mean pooling of each two by two pixels."""
    h, w = image.shape
    return image.reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3))


def downsample_window(image):
    total = lax.reduce_window(image, 0.0, lax.add, (2, 2), (2, 2), "VALID")
    return total / 4.0


def downsample_slices(image):
    corners = image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]
    return 0.25 * corners


def upsample(image):
    return jnp.repeat(jnp.repeat(image, 2, axis=0), 2, axis=1)


@family(
    "reduction",
    "contraction",
    "multi_statement",
    "unary",
    "elementwise",
    image="4*h 4*w",
    gains="? 3 in 0.5..1.5",
    pool={Code("downsample"): 2, Code("downsample_window"): 1, Code("downsample_slices"): 1},
    smoothed={False: 2, True: 1},
    shrinkage={None: 3, "soft": 1, "hard": 1},
    threshold=(0.1, 0.2),
    weight=8,
    sizes={"h": (1, 2), "w": (1, 2, 3)},
)
def laplacian_pyramid_filter(
    image, gains=None, *, pool=None, smoothed=False, shrinkage=None, threshold=0.1
):
    """Changes the details of a grey image in a Laplacian pyramid with three levels.

    Args:
        image: A grey image, shape (height, width), both multiples of four.
        gains: Factors of the fine details, the coarse details and the coarsest level.
    """
    half = pool(binomial_blur(image)) if smoothed else pool(image)
    quarter = pool(binomial_blur(half)) if smoothed else pool(half)
    fine, coarse = image - upsample(half), half - upsample(quarter)
    if shrinkage == "soft":
        # Soft thresholding takes away noise.
        fine = jnp.sign(fine) * jnp.maximum(jnp.abs(fine) - threshold, 0.0)
        coarse = jnp.sign(coarse) * jnp.maximum(jnp.abs(coarse) - threshold, 0.0)
    elif shrinkage == "hard":
        fine = jnp.where(jnp.abs(fine) > threshold, fine, 0.0)
        coarse = jnp.where(jnp.abs(coarse) > threshold, coarse, 0.0)
    if gains is not None:
        fine, coarse, quarter = gains[0] * fine, gains[1] * coarse, gains[2] * quarter
    elif shrinkage is None:
        # Enhance the fine details.
        fine = 1.5 * fine
    return fine + upsample(coarse + upsample(quarter))


@family(
    "reduction",
    "contraction",
    "multi_statement",
    image="4*h 4*w",
    target="4*h 4*w",
    pool={Code("downsample"): 2, Code("downsample_window"): 1, Code("downsample_slices"): 1},
    smoothed={False: 2, True: 1},
    penalty={"l1": 3, "l2": 1, "charbonnier": 1},
    weighting={"equal": 2, "coarse": 1, "fine": 1},
    kind={"laplacian": 3, "gaussian": 2},
    weight=8,
    sizes={"h": (1, 2), "w": (1, 2, 3)},
)
def pyramid_loss(
    image, target, *, pool=None, smoothed=False, penalty="l1", weighting="equal", kind="laplacian"
):
    """Multi-scale loss between two grey images on the three levels of a pyramid.

    Args:
        image: A grey image, shape (height, width), both multiples of four.
        target: The reference image.
    """
    # The pyramid is linear: that of the difference is enough.
    full = image - target
    half = pool(binomial_blur(full)) if smoothed else pool(full)
    quarter = pool(binomial_blur(half)) if smoothed else pool(half)
    if kind == "laplacian":
        levels = [full - upsample(half), half - upsample(quarter), quarter]
    else:
        levels = [full, half, quarter]
    if penalty == "l2":
        losses = [jnp.mean(jnp.square(level)) for level in levels]
    elif penalty == "charbonnier":
        losses = [jnp.mean(jnp.sqrt(jnp.square(level) + 1e-3)) for level in levels]
    else:
        losses = [jnp.mean(jnp.abs(level)) for level in levels]
    if weighting == "coarse":
        return losses[0] + 2.0 * losses[1] + 4.0 * losses[2]
    elif weighting == "fine":
        return losses[0] + 0.5 * losses[1] + 0.25 * losses[2]
    return sum(losses)


@family(
    "vector",
    pixels="n 3 in 0..1",
    palette="k 3 in 0..1",
    weights="? 3 in 0.5..1.5",
    metric={"euclidean": 3, "expanded": 2, "manhattan": 1, "redmean": 1},
    linear={False: 3, True: 1},
    hard={False: 3, True: 1},
    sharpness=(8.0, 16.0),
    sizes={"n": (6, 8, 10, 12, 16), "k": (2, 3, 4, 5)},
    weight=14,
    only="float32",
)
def quantize_colours(
    pixels, palette, weights=None, *, metric="euclidean", linear=False, hard=False, sharpness=8.0
):
    """Replaces pixels by the colours of a palette, which are assigned by a softmax.

    Args:
        pixels: RGB values from 0 to 1, shape (n, 3).
        palette: RGB values of the palette, shape (k, 3).
        weights: Weights of the channels.
    """
    x, y = pixels, palette
    if linear:
        # Distances in linear light.
        x, y = jnp.maximum(x, 1e-3) ** 2.2, jnp.maximum(y, 1e-3) ** 2.2
    if weights is not None:
        x, y = x * weights, y * weights
    if metric == "manhattan":
        distances = jnp.sum(jnp.abs(x[:, None] - y[None]), axis=-1)
    elif metric == "redmean":
        # Red counts more in bright colours, and blue in dark ones.
        square = jnp.square(x[:, None] - y[None])
        red = 0.5 * (x[:, None, 0] + y[None, :, 0])
        distances = (2.0 + red) * square[..., 0] + 4.0 * square[..., 1]
        distances = distances + (3.0 - red) * square[..., 2]
    elif metric == "expanded":
        norms = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
        distances = norms - 2.0 * x @ y.T + jnp.sum(jnp.square(y), axis=-1)
    else:
        distances = jnp.sum(jnp.square(x[:, None, :] - y[None, :, :]), axis=-1)
    assignments = jax.nn.softmax(-sharpness * distances, axis=-1)
    if hard:
        # Straight-through: the nearest colour forward, the softmax backward.
        nearest = jax.nn.one_hot(jnp.argmin(distances, axis=-1), palette.shape[0])
        assignments = assignments + lax.stop_gradient(nearest - assignments)
    return assignments @ palette
