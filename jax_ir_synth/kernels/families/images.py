"""Families: images, their colours, filters and comparisons."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
offset: offset 4, shift 2, bias 1
iterate_fori: iterate_fori 1, iterate 4, repeat_step 1, run_steps 2
iterate_scan: iterate_scan 1, iterate 4, repeat_step 1, run_steps 2
normalised: normalised 1, normalized 4, normalize 4
standardised: standardised 1, standardized 3, standardize 4
centre: centre 1, center 5, mid 1
centres: centres 1, centers 6
symmetrise: symmetrise 1, symmetrize 4
blur_by_convolution: blur_by_convolution 1, gaussian_blur 5, blur 4
blur_by_matrices: blur_by_matrices 1, gaussian_blur 4, blur 4
extract_patches: extract_patches 5, patchify 4, image_to_patches 3
gather_patches: gather_patches 2, extract_patches 4, patchify 4
split_patches: split_patches 3, extract_patches 3, patchify 3
downsample_max: downsample_max 2, max_pool 5, max_pool_2x2 2
downsample_window: downsample_window 1, avg_pool 5, downsample 3
downsample_slices: downsample_slices 1, average_2x2 2, downsample 4
embed_patches: embed_patches 4, patch_embedding 4, tokenize_image 2
filmic: filmic 4, hable 3, uncharted2 1
linear_to_srgb: linear_to_srgb 5, encode_srgb 2
srgb_to_linear: srgb_to_linear 5, decode_srgb 2
image: image 9, img 5, x 2, im 1, pixels 1
adjust_colours: adjust_colours 2, adjust_colors 4, color_jitter 3, adjust 1
luminance: luminance 5, luma 3, to_gray 2, rgb_to_gray 2
grey: grey 3, gray 6, luma 2
convert_colours: convert_colours 1, convert_colors 3, rgb_to_ycc 1, color_transform 3
blend: blend 6, blend_images 2, blend_layers 3
blend_mode: blend_mode 3, apply_mode 1, mix_layers 1
base: base 6, background 2, bottom 2
layer: layer 5, top 3, overlay 2
composite: composite 5, alpha_composite 4, porter_duff 2
find_edges: find_edges 3, edge_detect 3, image_gradients 3, edges 2
gx: gx 5, dx 4, grad_x 3
gy: gy 5, dy 4, grad_y 3
magnitude: magnitude 6, mag 3, strength 1
blur: blur 5, gaussian_blur 4, smooth 2
sharpen: sharpen 4, unsharp_mask 4, unsharp 2
blurred: blurred 7, smooth 2, low 2
detail: detail 5, high 2, residual 1
morphology: morphology 4, morphological_filter 3, morph 2
dilate: dilate 7, dilation 2, max_filter 2
erode: erode 7, erosion 2, min_filter 2
sample_by_weights: sample_by_weights 2, bilinear_sample 3, interpolate 2
sample_bilinear: sample_bilinear 3, bilinear_sample 4, interpolate 2, grid_sample 3
warp_image: warp_image 4, warp 4, affine_warp 3
augment_pair: augment_pair 1, mixup 4, mix_images 3, mix_batches 2
normalise_channels: normalise_channels 2, normalize_image 4, normalize 3, standardize 2
tone_map: tone_map 6, tonemap 4, map_tones 1
exposed: exposed 4, hdr 2, radiance 1
image_quality: image_quality 3, similarity 2, compare_images 3, ssim 3
local_mean: local_mean 5, window_mean 3, mean_filter 2
denoise_step: denoise_step 4, tv_step 3, denoise 3
diffuse: diffuse 4, anisotropic_diffusion 3, perona_malik 3
soft_histogram: soft_histogram 6, differentiable_histogram 2, histogram 3
counts: counts 4, hist 4, histogram 2
patches: patches 8, blocks 2, tokens 1
pool_pyramid: pool_pyramid 3, image_pyramid 4, build_pyramid 3, pyramid 2
downsample: downsample 5, pool2x2 2, mean_pool 3
upsample: upsample 6, upscale 2, expand 1
palette_map: palette_map 2, assign_colors 3, quantize_colors 3, nearest_palette 2
palette: palette 6, centers 2, colors 3
distances: distances 5, dist 4, d2 1
target: target 6, reference 3, y 1
lam: lam 6, alpha 2, weight 2
sharpness: sharpness 5, temperature 2, beta 2
"""


# ---------------------------------------------------------------- colours


def luminance(image):
    """The brightness of each pixel, by the weights of Rec. 601."""
    return image @ jnp.array([0.299, 0.587, 0.114])


def rotate_hue(image, angle=0.5):
    """Turns the colours in the YIQ space."""
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
    hue={None: 2, 0.3: 1, 0.8: 1, -0.5: 1},
    gains="? 3 in 0.7..1.3",
    pivot={"mean": 2, "half": 2, "grey": 1},
    multiplied=(False, True),
    clipped=(False, True),
    vignette={None: 4, 0.3: 1, 0.5: 1},
    sizes={"h": (3, 4, 5, 6), "w": (3, 4, 5, 6, 8)},
    weight=14,
)
def adjust_colours(
    image,
    brightness=None,
    contrast=None,
    saturation=None,
    gamma=None,
    gains=None,
    *,
    hue=None,
    pivot="mean",
    multiplied=False,
    clipped=True,
    vignette=None,
):
    """Adjusts the colours of an image.

    Args:
        image: the image, of shape (height, width, 3).
        brightness: how much brighter it becomes.
        contrast: 1 leaves the contrast as it is.
        saturation: 0 makes the image grey.
        gamma: the exponent of the tones.
        gains: a factor for each channel.

    Returns:
        The new image.
    """
    if gains is not None:
        image = image * gains
    if brightness is not None:
        if multiplied:
            image = image * (1.0 + brightness)
        else:
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
    if vignette is not None:
        # Darker towards the corners.
        h, w, _ = image.shape
        y = (jnp.arange(h) + 0.5) / h - 0.5
        x = (jnp.arange(w) + 0.5) / w - 0.5
        radius = jnp.square(y)[:, None] + jnp.square(x)
        image = image * (1.0 - vignette * radius[..., None])
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


def rgb_to_yuv(image):
    """Splits an image into its brightness and two differences of colour."""
    y = luminance(image)
    u = 0.492 * (image[..., 2] - y)
    v = 0.877 * (image[..., 0] - y)
    return y, u, v


def yuv_to_rgb(y, u, v):
    r = y + 1.14 * v
    g = y - 0.395 * u - 0.581 * v
    b = y + 2.033 * u
    return jnp.stack([r, g, b], axis=-1)


@family(
    "vector",
    image="... n 3 in 0.05..0.95",
    gains="? 3 in 0.7..1.3",
    space={"yuv": 3, "hsv": 3, "xyz": 2, "grey": 2, "opponent": 1, "lab": 2, "log": 1},
    linear={False: 2, True: 1},
    back={False: 1, True: 1},
    luma_gain={None: 2, 0.8: 1, 1.2: 1},
    chroma_gain={None: 2, 0.5: 1, 1.4: 1},
    curve={None: 3, "gamma": 1, "smoothstep": 1, "sigmoid": 1},
    noise_floor={None: 4, 0.02: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12)},
    weight=14,
)
def convert_colours(
    image,
    gains=None,
    *,
    space="yuv",
    linear=False,
    back=True,
    luma_gain=None,
    chroma_gain=None,
    curve=None,
    noise_floor=None,
):
    """Takes colours to another space, and changes them there."""
    if noise_floor is not None:
        image = jnp.maximum(image, noise_floor)
    if gains is not None:
        image = image * gains
    if linear:
        image = srgb_to_linear(image)
    if curve == "gamma":
        image = jnp.maximum(image, 1e-3) ** 0.8
    elif curve == "smoothstep":
        image = image * image * (3.0 - 2.0 * image)
    elif curve == "sigmoid":
        image = jax.nn.sigmoid(8.0 * (image - 0.5))
    if space == "grey":
        grey = luminance(image)
        if luma_gain is not None:
            grey = luma_gain * grey
        if back:
            grey = jnp.stack([grey, grey, grey], axis=-1)
        return grey
    if space == "yuv":
        y, u, v = rgb_to_yuv(image)
        if luma_gain is not None:
            y = luma_gain * y
        if chroma_gain is not None:
            u = chroma_gain * u
            v = chroma_gain * v
        if back:
            return yuv_to_rgb(y, u, v)
        return jnp.stack([y, u, v], axis=-1)
    if space == "hsv":
        value = jnp.max(image, axis=-1)
        chroma = value - jnp.min(image, axis=-1)
        if luma_gain is not None:
            value = luma_gain * value
        saturation = chroma / (value + 1e-3)
        if chroma_gain is not None:
            saturation = jnp.clip(chroma_gain * saturation, 0.0, 1.0)
        if back:
            # Each channel goes towards the highest one as the saturation falls.
            high = jnp.max(image, axis=-1, keepdims=True)
            depth = (high - image) / (chroma[..., None] + 1e-3)
            return value[..., None] * (1.0 - saturation[..., None] * depth)
        r, g, b = image[..., 0], image[..., 1], image[..., 2]
        hue = jnp.arctan2(1.732 * (g - b), 2.0 * r - g - b)
        return jnp.stack([hue, saturation, value], axis=-1)
    if space == "xyz" or space == "lab":
        to_xyz = jnp.array(
            [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
        )
        xyz = image @ to_xyz.T
        if space == "xyz":
            if luma_gain is not None:
                xyz = luma_gain * xyz
            if back:
                total = jnp.sum(xyz, axis=-1, keepdims=True)
                return xyz / (total + 1e-3)
            return xyz
        f = jnp.cbrt(xyz / jnp.array([0.9505, 1.0, 1.089]))
        lightness = 116.0 * f[..., 1] - 16.0
        if luma_gain is not None:
            lightness = luma_gain * lightness
        a = 500.0 * (f[..., 0] - f[..., 1])
        b = 200.0 * (f[..., 1] - f[..., 2])
        if chroma_gain is not None:
            a = chroma_gain * a
            b = chroma_gain * b
        return jnp.stack([lightness, a, b], axis=-1)
    if space == "log":
        logs = jnp.log(image + 0.02)
        centred = logs - jnp.mean(logs, axis=-1, keepdims=True)
        return jnp.exp(centred)
    else:
        r, g, b = image[..., 0], image[..., 1], image[..., 2]
        intensity = (r + g + b) / 3.0
        red_green = r - g
        yellow_blue = 0.5 * (r + g) - b
        if chroma_gain is not None:
            red_green = chroma_gain * red_green
            yellow_blue = chroma_gain * yellow_blue
        return jnp.stack([intensity, red_green, yellow_blue], axis=-1)


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
        return base + layer


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
    gamma={None: 3, 2.2: 1, 2.0: 1},
    inverted={False: 4, True: 1},
    fill={None: 3, 0.8: 1, 0.5: 1},
    twice={None: 4, "screen": 1, "soft_light": 1, "multiply": 1},
    sizes={"h": (2, 4, 5, 6), "w": (4, 5, 6, 8, 10)},
    weight=14,
)
def blend(
    base,
    layer,
    alpha=None,
    opacity=None,
    mask=None,
    *,
    mode="multiply",
    gamma=None,
    inverted=False,
    fill=None,
    twice=None,
):
    """Blends a layer with the image below it.

    Args:
        base: the image below.
        layer: the image above.
        alpha: how opaque each pixel of the layer is.
        opacity: how opaque the whole layer is.
        mask: the pixels that may change.
    """
    if gamma is not None:
        # Blend linear light.
        base = base**gamma
        layer = layer**gamma
    if inverted:
        layer = 1.0 - layer
    if fill is not None:
        layer = fill * layer
    mixed = blend_mode(base, layer, mode)
    if twice is not None:
        mixed = blend_mode(mixed, layer, twice)
    mixed = jnp.clip(mixed, 0.0, 1.0)
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
    operator={"over": 4, "atop": 2, "xor": 1, "plus": 1},
    with_alpha={False: 3, True: 1},
    feathered={None: 3, "smooth": 1, "power": 1},
    divided={False: 4, True: 1},
    matte={None: 3, 0.5: 1, 1.0: 1},
    gamma={None: 3, 2.2: 1, 2.0: 1},
    energy={None: 5, "pixels": 1, "image": 1},
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
    with_alpha=False,
    feathered=None,
    divided=False,
    matte=None,
    gamma=None,
    energy=None,
):
    """Composes two layers by an operator of Porter and Duff.

    Args:
        foreground: the colours above.
        background: the colours below.
        alpha: the opacity of each pixel above.
        alpha_below: the opacity of each pixel below.
        opacity: a factor of the opacity above.
    """
    if gamma is not None:
        # Compose linear light.
        foreground = foreground**gamma
        background = background**gamma
    if opacity is not None:
        alpha = opacity * alpha
    if feathered == "smooth":
        alpha = alpha * alpha * (3.0 - 2.0 * alpha)
    elif feathered == "power":
        alpha = alpha**1.5
    if operator == "over":
        above = alpha
        below = alpha_below * (1.0 - alpha)
    elif operator == "atop":
        above = alpha * alpha_below
        below = alpha_below * (1.0 - alpha)
    elif operator == "xor":
        above = alpha * (1.0 - alpha_below)
        below = alpha_below * (1.0 - alpha)
    else:
        above = alpha
        below = alpha_below
    total = above + below
    out = above[..., None] * foreground + below[..., None] * background
    if divided:
        # From colours that are multiplied by their opacity to straight ones.
        out = out / total[..., None]
    elif matte is not None:
        out = out + matte * (1.0 - total)[..., None]
    if energy == "pixels":
        return jnp.mean(jnp.square(out), axis=-1)
    elif energy == "image":
        return jnp.mean(jnp.square(out)) + 0.1 * jnp.mean(total)
    if with_alpha:
        return out, total
    else:
        return out


# ---------------------------------------------------------------- neighbourhoods


def shift(image, dy=0, dx=0, mode="edge"):
    """The image moved up by dy and left by dx."""
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


def smooth_rows(image):
    """Weights of 1, 2 and 1 along each row, and along each column."""
    padded = jnp.pad(image, ((0, 0), (1, 1)), mode="edge")
    rows = 0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    padded = jnp.pad(rows, ((1, 1), (0, 0)), mode="edge")
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def sobel(image, side=2.0):
    """The gradient across and down, smoothed in the other direction."""
    image = jnp.pad(image, 1, mode="edge")
    across = image[:, 2:] - image[:, :-2]
    gx = across[:-2] + side * across[1:-1] + across[2:]
    down = image[2:] - image[:-2]
    gy = down[:, :-2] + side * down[:, 1:-1] + down[:, 2:]
    return gx / (2.0 + side), gy / (2.0 + side)


def central_differences(image, mode="edge"):
    gx = 0.5 * (shift(image, 0, 1, mode) - shift(image, 0, -1, mode))
    gy = 0.5 * (shift(image, 1, 0, mode) - shift(image, -1, 0, mode))
    return gx, gy


def forward_differences(image):
    gx = jnp.pad(image[:, 1:] - image[:, :-1], ((0, 0), (0, 1)))
    gy = jnp.pad(image[1:] - image[:-1], ((0, 1), (0, 0)))
    return gx, gy


@family(
    "contraction",
    "elementwise",
    "reduction",
    "scalar_array",
    "multi_statement",
    "unary",
    image="h w",
    threshold="? in 0.2..1",
    target="? h w",
    kind={"sobel": 3, "scharr": 1, "central": 2, "forward": 2, "roberts": 1},
    border={"edge": 2, "wrap": 1, "zero": 1},
    smoothed={False: 2, True: 1},
    result={
        "magnitude": 3,
        "squared": 1,
        "absolute": 1,
        "direction": 2,
        "both": 2,
        "corners": 1,
        "energy": 1,
    },
    floor={1e-6: 1, 1e-3: 1, 1e-4: 1},
    soft={10.0: 1, 4.0: 1},
    relative={False: 3, True: 1},
    sizes={"h": (4, 5, 6, 8), "w": (4, 5, 6, 8, 10)},
    weight=14,
)
def find_edges(
    image,
    threshold=None,
    target=None,
    *,
    kind="sobel",
    border="edge",
    smoothed=False,
    result="magnitude",
    floor=1e-6,
    soft=10.0,
    relative=False,
):
    """Finds edges by the differences of neighbours."""
    if target is not None:
        image = image - target
    if smoothed:
        image = smooth_rows(image)
    if kind == "sobel":
        gx, gy = sobel(image)
    elif kind == "scharr":
        gx, gy = sobel(image, 10.0 / 3.0)
    elif kind == "central":
        gx, gy = central_differences(image, border)
    elif kind == "forward":
        corner = image[:-1, :-1]
        gx, gy = image[:-1, 1:] - corner, image[1:, :-1] - corner
    else:
        # Differences along both diagonals.
        gx = image[:-1, :-1] - image[1:, 1:]
        gy = image[:-1, 1:] - image[1:, :-1]
    power = jnp.square(gx) + jnp.square(gy)
    if result == "corners":
        # The determinant of the structure tensor, less a part of its squared trace.
        xx, yy, xy = (smooth_rows(each) for each in (gx * gx, gy * gy, gx * gy))
        strength = xx * yy - jnp.square(xy) - 0.05 * jnp.square(xx + yy)
    elif result == "squared":
        strength = power
    elif result == "absolute":
        strength = jnp.abs(gx) + jnp.abs(gy)
    elif result == "energy":
        strength = jnp.mean(jnp.sqrt(power + floor), axis=-1)
    else:
        strength = jnp.sqrt(power + floor)
    if relative:
        strength = strength / (jnp.max(jnp.abs(strength)) + 1e-3)
    if threshold is not None:
        strength = jax.nn.sigmoid(soft * (strength - threshold))
    if result == "direction":
        return strength * jnp.cos(2.0 * jnp.arctan2(gy, gx))
    if result == "both":
        return strength, jnp.arctan2(gy, gx)
    else:
        return strength


def laplacian(image, border="edge", diagonal=False):
    """The sum of the neighbours less as many times the pixel."""
    vertical = shift(image, 1, 0, border) + shift(image, -1, 0, border)
    horizontal = shift(image, 0, 1, border) + shift(image, 0, -1, border)
    total = vertical + horizontal
    if diagonal:
        upper = shift(image, -1, 1, border) + shift(image, -1, -1, border)
        lower = shift(image, 1, 1, border) + shift(image, 1, -1, border)
        return (4.0 * total + upper + lower - 20.0 * image) / 6.0
    else:
        return total - 4.0 * image


def gaussian_kernel(radius=2, sigma=1.0):
    offsets = jnp.arange(-radius, radius + 1)
    weights = jnp.exp(-0.5 * jnp.square(offsets / sigma))
    return weights / jnp.sum(weights)


def blur(image, radius=2, sigma=1.0, border="edge"):
    """Blurs an image by a Gaussian, along each axis in turn."""
    kernel = gaussian_kernel(radius, sigma)
    h, w = image.shape
    if border == "edge":
        padded = jnp.pad(image, radius, mode="edge")
    else:
        padded = jnp.pad(image, radius)
    rows = sum([kernel[i] * padded[i : i + h] for i in range(kernel.shape[0])])
    return sum([kernel[i] * rows[:, i : i + w] for i in range(kernel.shape[0])])


def blur_by_convolution(image, radius=2, sigma=1.0, border="edge"):
    kernel = gaussian_kernel(radius, sigma)
    if border == "edge":
        image = jnp.pad(image, radius, mode="edge")
        mode = "valid"
    else:
        mode = "same"
    convolve = jax.vmap(lambda line: jnp.convolve(line, kernel, mode=mode))
    return convolve(convolve(image).T).T


def blur_by_matrices(image, radius=2, sigma=1.0, border="edge"):
    h, w = image.shape

    def make_band(n):
        distance = jnp.arange(n)[:, None] - jnp.arange(n)[None, :]
        weights = jnp.exp(-0.5 * jnp.square(distance / sigma))
        weights = weights * (jnp.abs(distance) <= radius)
        if border == "edge":
            weights = weights / jnp.sum(weights, axis=1, keepdims=True)
        return weights

    return make_band(h) @ image @ make_band(w).T


@family(
    "contraction",
    "branch",
    "multi_statement",
    "scalar_array",
    image="h w",
    amount="? in 0.3..2",
    blurring=(Code("blur"), Code("blur_by_convolution"), Code("blur_by_matrices")),
    kind={"unsharp": 3, "dog": 2, "laplacian": 2, "high_boost": 1, "local": 1, "soften": 1},
    radius=(1, 2),
    sigma=(0.8, 1.0, 1.5),
    border={"edge": 2, "zero": 1},
    threshold={None: 3, 0.1: 1, 0.3: 1},
    strength=(0.5, 1.0, 1.5),
    diagonal={False: 2, True: 1},
    bounded={None: 1, "clip": 1, "sigmoid": 1, "tanh": 1},
    with_blurred={False: 4, True: 1},
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
    weight=14,
    only="float32",
)
def sharpen(
    image,
    amount=None,
    *,
    blurring=None,
    kind="unsharp",
    radius=1,
    sigma=1.0,
    border="edge",
    threshold=None,
    strength=1.0,
    diagonal=False,
    bounded=None,
    with_blurred=False,
):
    """Sharpens or softens an image by what a blur takes from it.

    Args:
        image: a grey image.
        amount: how much of the details is added.
        radius: the radius of the blur in pixels.
        sigma: the width of the blur.

    Returns:
        The new image.
    """
    if amount is None:
        amount = strength
    if kind == "laplacian":
        detail = -laplacian(image, border, diagonal) / 4.0
    elif kind == "dog":
        # The difference of a narrow and a wide blur.
        narrow = blurring(image, radius, sigma, border)
        detail = narrow - blurring(image, radius, 3.0, border)
    else:
        blurred = blurring(image, radius, sigma, border)
        detail = image - blurred
    if kind == "local":
        # Details count more where there are few of them.
        energy = blurring(jnp.square(detail), radius, sigma, border)
        detail = detail / jnp.sqrt(energy + 0.1)
    if threshold is not None:
        # Weak details are taken for noise.
        detail = jnp.where(jnp.abs(detail) > threshold, detail, 0.0)
    if kind == "soften":
        out = image - jnp.tanh(amount) * detail
    elif kind == "high_boost":
        out = amount * image + detail
    else:
        out = image + amount * detail
    if bounded == "clip":
        out = jnp.clip(out, -1.0, 1.0)
    elif bounded == "sigmoid":
        out = jax.nn.sigmoid(out)
    elif bounded == "tanh":
        out = jnp.tanh(out)
    if with_blurred:
        return out, detail
    else:
        return out


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


@family(
    "contraction",
    "reduction",
    "branch",
    "nested_branch",
    image="h w",
    marker="? h w",
    operation={
        "dilate": 2,
        "erode": 2,
        "open": 2,
        "close": 2,
        "gradient": 2,
        "top_hat": 2,
        "black_hat": 1,
        "peaks": 3,
        "contrast": 1,
        "shifts": 1,
    },
    size={3: 3, 5: 1},
    smoothed={False: 2, True: 1},
    soft={False: 2, True: 1},
    threshold={None: 3, 0.5: 1, 0.0: 1},
    weight=14,
    reduce={None: 4, "mean": 1, "max": 1},
    normalised={False: 3, True: 1},
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
)
def morphology(
    image,
    marker=None,
    *,
    operation="open",
    size=3,
    smoothed=False,
    soft=False,
    threshold=None,
    reduce=None,
    normalised=False,
):
    """Compares or replaces pixels by the highest or lowest ones around them."""
    if smoothed:
        image = smooth_rows(image)
    if normalised:
        image = jax.nn.sigmoid(image)
    if operation == "dilate":
        out = dilate(image, size)
    elif operation == "erode":
        out = erode(image, size)
    elif operation == "open":
        out = dilate(erode(image, size), size)
    elif operation == "close":
        out = erode(dilate(image, size), size)
    elif operation == "gradient":
        out = dilate(image, size) - erode(image, size)
    elif operation == "top_hat":
        out = image - dilate(erode(image, size), size)
    elif operation == "black_hat":
        out = erode(dilate(image, size), size) - image
    elif operation == "contrast":
        # Each pixel goes to the nearer one of both extremes.
        high, low = dilate(image, size), erode(image, size)
        out = jnp.where(high - image < image - low, high, low)
    elif operation == "peaks":
        highest = dilate(image, size)
        if soft:
            out = image * jnp.exp(4.0 * (image - highest))
        else:
            # Only local maxima stay.
            out = jnp.where(image == highest, image, 0.0)
    else:
        out = dilate_by_shifts(image)
    if marker is not None:
        # Reconstruction stays below the marker.
        out = jnp.minimum(out, marker)
    if threshold is not None:
        if soft:
            out = jax.nn.sigmoid(6.0 * (out - threshold))
        else:
            out = jnp.where(out > threshold, out, 0.1 * out)
    if reduce == "mean":
        return jnp.mean(out)
    elif reduce == "max":
        return jnp.max(out, axis=0)
    else:
        return out


# ---------------------------------------------------------------- sampling and augmentation


def sample_bilinear(image, y, x, border="clamp"):
    """The image between its pixels, at the places (y, x)."""
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
    """The same as sums over all pixels, of which four at most have a weight."""
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
    angle="? in -0.6..0.6",
    offset="? 2 in -1..1",
    flow="? h w in -1.5..1.5",
    target="? h w",
    zoom={None: 2, 0.8: 1, 1.2: 1},
    twist={None: 3, "swirl": 1, "barrel": 2, "wave": 1},
    border={"clamp": 3, "wrap": 1, "zero": 2},
    flipped={None: 3, "horizontal": 1, "vertical": 1},
    sample={Code("sample_bilinear"): 3, Code("sample_by_weights"): 2},
    result={"image": 4, "loss": 1, "residual": 1},
    sizes={"h": (4, 5, 6), "w": (4, 5, 6, 8)},
    weight=14,
    only="float32",
)
def warp_image(
    image,
    angle=None,
    offset=None,
    flow=None,
    target=None,
    *,
    zoom=None,
    twist=None,
    border="clamp",
    flipped=None,
    sample=None,
    result="image",
):
    """Samples an image at transformed places.

    Args:
        image: a grey image.
        angle: how far it is turned, in radians.
        offset: how far it is moved down and right.
        flow: how far each pixel is moved right.
        target: an image to compare with.
    """
    h, w = image.shape
    if flipped == "horizontal":
        image = image[:, ::-1]
    elif flipped == "vertical":
        image = image[::-1]
    y, x = jnp.meshgrid(jnp.arange(h), jnp.arange(w), indexing="ij")
    y, x = y - (h - 1) / 2, x - (w - 1) / 2
    if twist == "barrel":
        # Lens distortion grows with the distance from the centre.
        factor = 1.0 + 0.02 * (jnp.square(y) + jnp.square(x))
        y, x = factor * y, factor * x
    elif twist == "swirl":
        turn = 0.5 * jnp.exp(-(jnp.square(y) + jnp.square(x)) / 8.0)
        y, x = jnp.cos(turn) * y - jnp.sin(turn) * x, jnp.sin(turn) * y + jnp.cos(turn) * x
    elif twist == "wave":
        x = x + 0.7 * jnp.sin(1.3 * y)
    if angle is not None:
        c, s = jnp.cos(angle), jnp.sin(angle)
        y, x = c * y - s * x, s * y + c * x
    if zoom is not None:
        y, x = y / zoom, x / zoom
    if offset is not None:
        y, x = y - offset[0], x - offset[1]
    if flow is not None:
        x = x - flow
    out = sample(image, y + (h - 1) / 2 + 0.25, x + (w - 1) / 2 + 0.25, border)
    if target is not None:
        if result == "loss":
            return jnp.mean(jnp.square(out - target))
        return out - target
    else:
        return out


def box_mask(h=6, w=6, size=2, top=1, left=1):
    """1 inside a square, and 0 elsewhere."""
    rows, columns = jnp.arange(h)[:, None], jnp.arange(w)[None, :]
    inside = (rows >= top) & (rows < top + size) & (columns >= left) & (columns < left + size)
    return inside.astype(jnp.float32)


def soft_mask(h=6, w=6, size=2, top=2, left=2):
    """A spot that is 1 at its centre and falls to 0."""
    rows, columns = jnp.arange(h)[:, None], jnp.arange(w)[None, :]
    distance = jnp.square(rows - top) + jnp.square(columns - left)
    return jnp.exp(-distance / size)


@family(
    "elementwise",
    "multi_statement",
    "contraction",
    images="b h w",
    others="b h w",
    lam="? b in 0.2..0.8",
    labels="? b in 0..1",
    kind={"mixup": 3, "cutmix": 3, "soft": 2, "stripes": 1, "bright": 1, "halves": 1},
    size={2: 1, 3: 1},
    share=(0.3, 0.5, 0.7),
    flipped={None: 2, "images": 1, "others": 1},
    padded={None: 4, "zero": 1, "edge": 1},
    standardised={None: 3, "pixels": 1, "range": 1},
    shuffled={False: 3, True: 1},
    sizes={"b": (2, 4), "h": (4, 5, 6), "w": (4, 5, 6)},
    weight=12,
    only="float32",
)
def augment_pair(
    images,
    others,
    lam=None,
    labels=None,
    *,
    kind="mixup",
    size=2,
    share=0.5,
    flipped=None,
    padded=None,
    standardised=None,
    shuffled=False,
):
    """Mixes each image of a batch with one of another batch.

    Args:
        images: a batch of grey images.
        others: the images that are mixed in.
        lam: how much of each of them stays.
        labels: what the images are, which is mixed in the same way.
    """
    if flipped == "images":
        images = images[:, :, ::-1]
    elif flipped == "others":
        others = others[:, :, ::-1]
    if shuffled:
        # Each image meets the next one.
        others = jnp.roll(others, 1, axis=0)
    if standardised == "pixels":
        images = (images - jnp.mean(images)) / (jnp.std(images) + 1e-2)
    elif standardised == "range":
        images = jax.nn.sigmoid(images)
        others = jax.nn.sigmoid(others)
    if padded == "zero":
        images = jnp.pad(images[:, 1:, 1:], ((0, 0), (1, 0), (1, 0)))
    elif padded == "edge":
        images = jnp.pad(images[:, 1:-1, 1:-1], ((0, 0), (1, 1), (1, 1)), mode="edge")
    _, h, w = images.shape
    if kind == "mixup":
        keep = share
    elif kind == "cutmix":
        keep = 1.0 - box_mask(h, w, size)
    elif kind == "soft":
        keep = 1.0 - soft_mask(h, w, size)
    elif kind == "stripes":
        keep = 0.5 + 0.5 * jnp.cos(jnp.pi * jnp.arange(w) / size)
    elif kind == "bright":
        # The brighter pixel wins, softly.
        keep = jax.nn.sigmoid(3.0 * (images - others))
    else:
        keep = (jnp.arange(w) < w // 2).astype(jnp.float32)
    if lam is not None:
        keep = 1.0 - (1.0 - keep) * (1.0 - lam[:, None, None])
    mixed = keep * images + (1.0 - keep) * others
    if labels is not None:
        part = jnp.mean(jnp.broadcast_to(keep, images.shape), axis=(1, 2))
        return mixed, part * labels + (1.0 - part) * jnp.flip(labels)
    else:
        return mixed


@family(
    "contraction",
    "vector",
    "multi_statement",
    image="h w c",
    scale="? c in 0.5..1.5",
    offset="? c in -0.5..0.5",
    mask="? h w in 0..1",
    over={"channel": 4, "image": 1, "pixel": 2, "group": 1},
    kind={"standard": 4, "range": 1, "norm": 1, "power": 1, "median": 1},
    eps={1e-5: 2, 1e-3: 1, 1e-2: 1},
    fixed={False: 3, True: 1},
    act={None: 1, "relu": 2, "sigmoid": 2, "square": 2, "tanh": 2},
    with_stats={False: 4, True: 1},
    channels_first={False: 3, True: 1},
    sizes={"h": (3, 4, 5), "w": (3, 4, 5, 6), "c": (2, 3, 4, 4)},
    weight=12,
    only="float32",
)
def normalise_channels(
    image,
    scale=None,
    offset=None,
    mask=None,
    *,
    over="channel",
    kind="standard",
    eps=1e-5,
    fixed=False,
    act=None,
    with_stats=False,
    channels_first=False,
):
    """Normalises an image by its own statistics, and scales it."""
    if mask is not None:
        image = image * mask[..., None]
    if over == "image":
        axes = (0, 1, 2)
    elif over == "pixel":
        axes = -1
    elif over == "group":
        # One value for each row and channel.
        axes = 1
    else:
        axes = (0, 1)
    centre = jnp.mean(image, axis=axes, keepdims=True)
    if kind == "standard":
        variance = jnp.mean(jnp.square(image - centre), axis=axes, keepdims=True)
        width = jnp.sqrt(variance + eps)
        out = (image - centre) / width
    elif kind == "range":
        low = jnp.min(image, axis=axes, keepdims=True)
        width = jnp.max(image, axis=axes, keepdims=True) - low
        out = (image - low) / (width + eps)
    elif kind == "norm":
        width = jnp.sqrt(jnp.sum(jnp.square(image), axis=axes, keepdims=True) + eps)
        out = image / width
    elif kind == "power":
        width = jnp.mean(jnp.square(image), axis=axes, keepdims=True)
        out = image * lax.rsqrt(width + eps)
    else:
        width = jnp.mean(jnp.abs(image - centre), axis=axes, keepdims=True)
        out = (image - centre) / (width + eps)
    if scale is not None:
        out = out * scale
    if offset is not None:
        out = out + offset
    if act == "relu":
        out = jax.nn.relu(out)
    elif act == "sigmoid":
        out = jax.nn.sigmoid(out)
    elif act == "square":
        out = jnp.square(out)
    elif act == "tanh":
        out = jnp.tanh(out + 0.5)
    if channels_first:
        out = out.transpose(2, 0, 1)
    if with_stats:
        return out, jnp.squeeze(centre), jnp.squeeze(width)
    else:
        return out


# ---------------------------------------------------------------- tones


def filmic(x):
    """The curve of Hable, with a toe and a shoulder."""
    return (x * (0.15 * x + 0.05) + 0.004) / (x * (0.15 * x + 0.5) + 0.06) - 0.0667


def aces(x):
    return x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)


@family(
    "contraction",
    "branch",
    "scalar_array",
    "unary",
    image="... h w in 0.05..3",
    exposure="? in 0.5..2",
    white="? in 2..5",
    local="? ... h w in 0.2..2",
    curve={
        "reinhard": 3,
        "filmic": 2,
        "aces": 2,
        "log": 1,
        "exponential": 1,
        "drago": 1,
        "power": 1,
    },
    key={None: 2, 0.18: 2, 0.36: 1},
    average={"geometric": 2, "mean": 1, "max": 1},
    gamma={None: 2, 2.2: 2, 1.8: 1},
    srgb={False: 3, True: 1},
    contrast={None: 3, "s_curve": 1, "power": 1},
    toe={None: 3, 0.02: 1, 0.05: 1},
    levels={None: 4, 8: 1, 16: 1},
    sizes={"h": (2, 4, 5, 6), "w": (4, 5, 6, 8)},
    weight=14,
    only="float32",
)
def tone_map(
    image,
    exposure=None,
    white=None,
    local=None,
    *,
    curve="reinhard",
    key=None,
    average="geometric",
    gamma=None,
    srgb=False,
    contrast=None,
    toe=None,
    levels=None,
):
    """Maps the luminance of a scene to what a screen can show.

    Args:
        image: linear luminance.
        exposure: a factor of the luminance.
        white: the luminance that becomes white.
        local: the luminance around each pixel.
    """
    if key is not None:
        if average == "geometric":
            level = jnp.exp(jnp.mean(jnp.log(image + 1e-3)))
        elif average == "mean":
            level = jnp.mean(image)
        else:
            level = jnp.max(image)
        image = key * image / level
    if exposure is not None:
        image = exposure * image
    if toe is not None:
        image = jnp.maximum(image - toe, 1e-3)
    if local is not None:
        out = image / (1.0 + local)
    elif curve == "reinhard":
        if white is not None:
            out = image * (1.0 + image / jnp.square(white)) / (1.0 + image)
        else:
            out = image / (1.0 + image)
    elif curve == "filmic":
        out = filmic(2.0 * image) / filmic(11.2)
    elif curve == "aces":
        out = aces(0.6 * image)
    elif curve == "log":
        out = jnp.log1p(image) / jnp.log1p(4.0)
    elif curve == "exponential":
        out = 1.0 - jnp.exp(-image)
    elif curve == "drago":
        out = jnp.log1p(image) / jnp.log(2.0 + 8.0 * (image / 4.0) ** 0.7)
    else:
        out = (image / 4.0) ** 0.6
    if white is not None:
        out = out / (white / (1.0 + white))
    if contrast == "s_curve":
        out = out * out * (3.0 - 2.0 * out)
    elif contrast == "power":
        out = jnp.maximum(out, 1e-3) ** 1.2
    if srgb:
        out = linear_to_srgb(out)
    elif gamma is not None:
        out = jnp.maximum(out, 1e-4) ** (1.0 / gamma)
    if levels is not None:
        # Posterise, with a gradient as if nothing were rounded.
        rounded = jnp.round(out * levels) / levels
        out = out + lax.stop_gradient(rounded - out)
    return out


# ---------------------------------------------------------------- comparisons


def local_mean(image, size=3):
    """The mean of each window that lies inside."""
    total = lax.reduce_window(image, 0.0, lax.add, (size, size), (1, 1), "VALID")
    return total / (size * size)


@family(
    "reduction",
    image="h w",
    target="h w",
    weights="? h w in 0.2..1",
    measure={"ssim": 4, "psnr": 2, "ms": 1, "gradient": 2, "charbonnier": 1, "correlation": 1},
    windowed={False: 1, True: 2},
    size={3: 2, 2: 1},
    c1={1e-2: 1, 1e-3: 1, 1e-4: 1},
    c2={9e-2: 1, 1e-2: 1, 1e-3: 1},
    loss={False: 1, True: 1},
    smoothed={False: 3, True: 1},
    rescaled={False: 2, True: 1},
    mixed={None: 3, 0.15: 1, 0.5: 1},
    per_row={False: 4, True: 1},
    sizes={"h": (5, 6, 8), "w": (5, 6, 8, 10)},
    weight=14,
    only="float32",
)
def image_quality(
    image,
    target,
    weights=None,
    *,
    measure="ssim",
    windowed=True,
    size=3,
    c1=1e-2,
    c2=9e-2,
    loss=False,
    smoothed=False,
    rescaled=False,
    mixed=None,
    per_row=False,
):
    """Compares an image with another one.

    Args:
        image: a grey image.
        target: the image that it should be like.
        weights: how much each pixel counts.

    Returns:
        A number, or one for each row.
    """
    if rescaled:
        image = jax.nn.sigmoid(image)
        target = jax.nn.sigmoid(target)
    if smoothed:
        image = smooth_rows(image)
        target = smooth_rows(target)
    if weights is not None:
        error = weights * jnp.square(image - target)
    else:
        error = jnp.square(image - target)
    if measure == "ssim":
        if windowed:
            mean_x, mean_y = local_mean(image, size), local_mean(target, size)
            var_x = local_mean(jnp.square(image), size) - jnp.square(mean_x)
            var_y = local_mean(jnp.square(target), size) - jnp.square(mean_y)
            cov = local_mean(image * target, size) - mean_x * mean_y
        else:
            mean_x, mean_y = jnp.mean(image), jnp.mean(target)
            var_x, var_y = jnp.var(image), jnp.var(target)
            cov = jnp.mean((image - mean_x) * (target - mean_y))
        powers = jnp.square(mean_x) + jnp.square(mean_y)
        luminance_term = (2 * mean_x * mean_y + c1) / (powers + c1)
        structure_term = (2 * cov + c2) / (var_x + var_y + c2)
        score = jnp.mean(luminance_term * structure_term)
        if loss:
            score = 1.0 - score
        if weights is not None:
            score = score + jnp.mean(error)
        elif mixed is not None:
            score = mixed * score + (1.0 - mixed) * jnp.mean(jnp.abs(image - target))
        return score
    if measure == "gradient":
        gx, gy = forward_differences(image - target)
        error = error + jnp.square(gx) + jnp.square(gy)
    elif measure == "charbonnier":
        error = jnp.sqrt(error + c1)
    if per_row:
        mean = jnp.mean(error, axis=1)
    else:
        mean = jnp.mean(error)
    if measure == "psnr":
        psnr = 10.0 * jnp.log10(4.0 / (mean + 1e-3))
        if loss:
            return -psnr
        return psnr
    if measure == "correlation":
        x, y = image - jnp.mean(image), target - jnp.mean(target)
        score = jnp.sum(x * y) / jnp.sqrt(jnp.sum(x * x) * jnp.sum(y * y) + c1)
        if loss:
            return mean + 1.0 - score
        return score - mean
    if measure == "ms":
        # The error of the image at half the size counts, too.
        h, w = image.shape
        difference = (image - target)[: h // 2 * 2, : w // 2 * 2]
        half = difference.reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3))
        mean = mean + jnp.mean(jnp.square(half))
    return mean


def iterate_fori(step, x, num_steps):
    return lax.fori_loop(0, num_steps, lambda i, x: step(x), x)


def iterate_scan(step, x, num_steps):
    x, _ = lax.scan(lambda x, _: (step(x), None), x, None, length=num_steps)
    return x


@family(
    "loop",
    "scalar_array",
    "multi_statement",
    "unary",
    "elementwise",
    image="h w",
    noisy="? h w",
    step="? in 0.02..0.2",
    kind={"tv": 4, "heat": 2, "perona_malik": 3, "tikhonov": 1, "mean_curvature": 1},
    repeated={False: 1, True: 1},
    iterate={Code("iterate_fori"): 3, Code("iterate_scan"): 2},
    steps=(2, 4, 8),
    border={"edge": 2, "wrap": 1, "reflect": 1},
    rate=(0.05, 0.1, 0.2),
    kappa=(0.5, 0.8, 1.5),
    conductance={"exponential": 1, "rational": 1},
    clipped={False: 3, True: 1},
    eps={1e-2: 1, 0.1: 1},
    fidelity=(0.5, 1.0, 2.0),
    with_energy={False: 4, True: 1},
    sizes={"h": (4, 5, 6), "w": (4, 5, 6, 8)},
    weight=14,
    only="float32",
)
def denoise_step(
    image,
    noisy=None,
    step=None,
    *,
    kind="tv",
    repeated=False,
    iterate=None,
    steps=4,
    border="edge",
    rate=0.1,
    kappa=0.8,
    conductance="exponential",
    clipped=False,
    eps=0.1,
    fidelity=1.0,
    with_energy=False,
):
    """Makes an image smoother by a flow.

    Args:
        image: the image to begin with.
        noisy: the image that was measured, near which the result must stay.
        step: the size of a step.
        steps: the number of steps.

    Returns:
        The smoothed image.
    """
    if step is None:
        step = rate

    def flow(u):
        if kind in ("heat", "tikhonov"):
            change = laplacian(u, border)
        elif kind == "tv":
            # The divergence of the normalised gradient.
            gx, gy = forward_differences(u)
            norm = jnp.sqrt(jnp.square(gx) + jnp.square(gy) + eps)
            px, py = gx / norm, gy / norm
            change = px - jnp.pad(px[:, :-1], ((0, 0), (1, 0)))
            change = change + py - jnp.pad(py[:-1], ((1, 0), (0, 0)))
        elif kind == "perona_malik":
            change = jnp.zeros_like(u)
            for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                difference = shift(u, dy, dx, border) - u
                if conductance == "exponential":
                    flux = jnp.exp(-jnp.square(difference / kappa))
                else:
                    flux = 1.0 / (1.0 + jnp.square(difference / kappa))
                change = change + flux * difference
        else:
            gx, gy = central_differences(u, border)
            change = laplacian(u, border) / jnp.sqrt(1.0 + jnp.square(gx) + jnp.square(gy))
        if kind == "tikhonov":
            change = change - 0.1 * u
        if noisy is not None:
            change = change - fidelity * (u - noisy)
        u = u + step * change
        if clipped:
            u = jnp.clip(u, -1.5, 1.5)
        return u

    if repeated:
        out = iterate(flow, image, steps)
    else:
        out = flow(image)
    if with_energy:
        gx, gy = forward_differences(out)
        return out, jnp.sum(jnp.sqrt(jnp.square(gx) + jnp.square(gy) + eps))
    else:
        return jnp.tanh(out)


# ---------------------------------------------------------------- statistics and blocks


@family(
    "reduction",
    image="h w in 0..1",
    target="? h w in 0..1",
    weights="? h w in 0.1..1",
    num_bins=(4, 5, 6, 8),
    kernel={"gaussian": 3, "triangular": 2, "sigmoid": 2, "softmax": 2},
    bandwidth={0.1: 1, 0.2: 1, 0.15: 1},
    normalised={False: 1, True: 2},
    result={
        "counts": 4,
        "entropy": 2,
        "cumulative": 1,
        "moments": 1,
        "log": 1,
        "equalised": 1,
    },
    distance={"l2": 1, "kl": 1, "chi2": 1, "intersection": 1, "emd": 1},
    gamma={None: 3, 0.5: 1, 2.0: 1},
    sizes={"h": (4, 5, 6), "w": (4, 5, 6, 8)},
    weight=14,
    only="float32",
)
def soft_histogram(
    image,
    target=None,
    weights=None,
    *,
    num_bins=6,
    kernel="gaussian",
    bandwidth=0.1,
    normalised=True,
    result="counts",
    distance="l2",
    gamma=None,
):
    """Counts pixels in soft bins, so that the counts have a gradient.

    Args:
        image: the tones of the pixels.
        target: an image whose histogram is compared.
        weights: how much each pixel counts.
        num_bins: how many bins there are from 0 to 1.
    """
    centres = (jnp.arange(num_bins) + 0.5) / num_bins

    def count(pixels):
        if gamma is not None:
            pixels = jnp.maximum(pixels, 1e-3) ** gamma
        offset = pixels.reshape(-1, 1) - centres
        if kernel == "gaussian":
            shares = jnp.exp(-0.5 * jnp.square(offset / bandwidth))
        elif kernel == "triangular":
            shares = jnp.maximum(1.0 - jnp.abs(offset) * num_bins, 0.0)
        elif kernel == "sigmoid":
            half = 0.5 / num_bins
            upper = jax.nn.sigmoid(40.0 * (offset + half))
            shares = upper - jax.nn.sigmoid(40.0 * (offset - half))
        else:
            shares = jax.nn.softmax(-jnp.square(offset / bandwidth), axis=-1)
        if weights is not None:
            shares = shares * weights.reshape(-1, 1)
        counts = jnp.sum(shares, axis=0)
        if normalised:
            counts = counts / (jnp.sum(counts) + 1e-3)
        return counts

    counts = count(image)
    if target is not None:
        other = count(target)
        if distance == "kl":
            return jnp.sum(counts * jnp.log((counts + 1e-2) / (other + 1e-2)))
        elif distance == "chi2":
            return jnp.sum(jnp.square(counts - other) / (counts + other + 1e-2))
        elif distance == "intersection":
            return jnp.sum(jnp.minimum(counts, other)) / (jnp.sum(other) + 1e-2)
        elif distance == "emd":
            lower = jnp.tril(jnp.ones((num_bins, num_bins)))
            return jnp.sum(jnp.square(lower @ (counts - other)))
        else:
            return jnp.sum(jnp.square(counts - other))
    if result == "entropy":
        return -jnp.sum(counts * jnp.log(counts + 1e-3))
    elif result == "cumulative":
        return jnp.tril(jnp.ones((num_bins, num_bins))) @ counts
    elif result == "moments":
        mean = jnp.sum(counts * centres)
        return jnp.sum(counts * jnp.square(centres - mean))
    elif result == "log":
        return jnp.log(counts + 1e-2)
    elif result == "equalised":
        # How far the histogram is from a flat one.
        return jnp.sum(jnp.square(counts - jnp.mean(counts)))
    else:
        return counts * centres


def sincos_positions(n, d):
    position = jnp.arange(n)[:, None]
    angle = position / 100.0 ** (jnp.arange(d) / d)
    return jnp.where(jnp.arange(d) % 2 == 0, jnp.sin(angle), jnp.cos(angle))


@family(
    "reduction",
    "contraction",
    "vector",
    image="p*h p*w c",
    kernel="p*p*c e in -0.5..0.5",
    bias="? e",
    patch=(Code("p"),),
    normed={None: 2, "mean": 1, "layer": 1, "rms": 1},
    positions={False: 2, True: 1},
    cls={None: 3, "zeros": 1, "mean": 1},
    act={None: 2, "gelu": 1, "tanh": 1, "square": 1},
    pooled={None: 2, "mean": 1, "max": 1},
    similar={None: 3, "cosine": 1, "dot": 1},
    ordered=(Code("extract_patches"), Code("gather_patches"), Code("split_patches")),
    sizes={"p": (2, 2, 4), "h": (2, 3), "w": (2, 3), "c": (1, 2, 3, 4), "e": (4, 6, 8, 12)},
    weight=14,
)
def embed_patches(
    image,
    kernel,
    bias=None,
    *,
    patch=2,
    normed=None,
    positions=False,
    cls=None,
    act=None,
    pooled=None,
    similar=None,
    ordered=None,
):
    """Cuts an image into patches, and embeds them.

    Args:
        image: the image, of shape (height, width, channels).
        kernel: the weights by which each patch is embedded.
        bias: a bias of the embeddings.
    """
    tokens = ordered(image, patch)
    if normed == "mean":
        tokens = tokens - jnp.mean(tokens, axis=0)
    elif normed == "layer":
        mean = jnp.mean(tokens, axis=-1, keepdims=True)
        tokens = (tokens - mean) / jnp.sqrt(jnp.var(tokens, axis=-1, keepdims=True) + 1e-3)
    elif normed == "rms":
        power = jnp.mean(jnp.square(tokens), axis=-1, keepdims=True)
        tokens = tokens * jax.lax.rsqrt(power + 1e-3)
    tokens = tokens @ kernel
    if bias is not None:
        tokens = tokens + bias
    if positions:
        tokens = tokens + sincos_positions(tokens.shape[0], tokens.shape[1])
    if act == "gelu":
        tokens = jax.nn.gelu(tokens)
    elif act == "tanh":
        tokens = jnp.tanh(tokens)
    elif act == "square":
        tokens = jnp.square(tokens)
    if similar == "cosine":
        # How alike each two patches are.
        unit = tokens / jnp.sqrt(jnp.sum(jnp.square(tokens), axis=-1, keepdims=True) + 1e-3)
        return unit @ unit.T
    elif similar == "dot":
        return jax.nn.softmax(tokens @ tokens.T / tokens.shape[-1] ** 0.5, axis=-1) @ tokens
    if cls == "zeros":
        first = jnp.zeros((1, tokens.shape[-1]), tokens.dtype)
        tokens = jnp.concatenate([first, tokens], axis=0)
    elif cls == "mean":
        tokens = jnp.concatenate([jnp.mean(tokens, axis=0, keepdims=True), tokens], axis=0)
    if pooled == "mean":
        return jnp.mean(tokens, axis=0)
    elif pooled == "max":
        return jnp.max(tokens, axis=0)
    else:
        return tokens


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


def downsample(image):
    """Half the size, by the mean of each two by two pixels."""
    h, w = image.shape
    return image.reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3))


def downsample_max(image):
    h, w = image.shape
    return image.reshape(h // 2, 2, w // 2, 2).max(axis=(1, 3))


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
    target="? 4*h 4*w",
    gains="? l in 0.5..1.5",
    pool=(
        Code("downsample"),
        Code("downsample"),
        Code("downsample_max"),
        Code("downsample_window"),
        Code("downsample_slices"),
    ),
    kind={"gaussian": 2, "laplacian": 4, "reconstruct": 2, "features": 2},
    smoothed={False: 3, True: 1},
    act={None: 2, "abs": 1, "square": 1, "soft": 2},
    amount=(0.1, 0.2, 0.5),
    spread={False: 2, True: 1},
    loss={"l1": 1, "l2": 2, "huber": 1},
    weighted={False: 2, True: 1},
    weight=14,
    sizes={"h": (1, 2), "w": (1, 2, 3), "l": (2,)},
)
def pool_pyramid(
    image,
    target=None,
    gains=None,
    *,
    pool=None,
    kind="laplacian",
    smoothed=False,
    act=None,
    amount=0.2,
    spread=False,
    loss="l2",
    weighted=False,
):
    """Takes an image to coarser levels, and works on the levels.

    Args:
        image: a grey image.
        target: an image with which each level is compared.
        gains: a factor for each level.
    """
    if smoothed:
        image = smooth_rows(image)
    if target is not None:
        # The pyramid is linear, but for maxima: that of the difference tells all.
        image = image - target
    half = pool(image)
    quarter = pool(half)
    if kind == "gaussian":
        fine, coarse = image, half
    elif kind == "features":
        fine, coarse = half, quarter
    else:
        fine, coarse = image - upsample(half), half - upsample(quarter)
    if act == "abs":
        fine, coarse = jnp.abs(fine), jnp.abs(coarse)
    elif act == "square":
        fine, coarse = jnp.square(fine), jnp.square(coarse)
    elif act == "soft":
        fine = jnp.sign(fine) * jnp.maximum(jnp.abs(fine) - amount, 0.0)
        coarse = jnp.sign(coarse) * jnp.maximum(jnp.abs(coarse) - amount, 0.0)
    if gains is not None:
        fine, coarse = gains[0] * fine, gains[1] * coarse
    if target is not None:
        if loss == "l1":
            terms = [jnp.mean(jnp.abs(each)) for each in (fine, coarse, quarter)]
        elif loss == "huber":
            terms = [jnp.mean(jnp.sqrt(1.0 + jnp.square(each))) for each in (fine, coarse, quarter)]
        else:
            terms = [jnp.mean(jnp.square(each)) for each in (fine, coarse, quarter)]
        if weighted:
            return terms[0] + 0.5 * terms[1] + 0.25 * terms[2]
        return sum(terms)
    if kind == "reconstruct":
        return fine + upsample(coarse + upsample(quarter))
    if spread:
        # All levels in the size of the finest one.
        return fine + upsample(coarse)
    else:
        return fine, coarse, quarter


@family(
    "vector",
    image="n 3 in 0..1",
    palette="k 3 in 0..1",
    weights="? 3 in 0.5..1.5",
    prior="? k",
    metric={"euclidean": 3, "manhattan": 1, "cosine": 1, "redmean": 1, "angle": 1},
    result={
        "colours": 3,
        "distances": 1,
        "assignments": 2,
        "nearest": 1,
        "centres": 2,
        "key": 1,
        "cost": 1,
    },
    sharpness=(4.0, 8.0, 16.0),
    expanded={False: 1, True: 1},
    rooted={False: 2, True: 1},
    linear={False: 3, True: 1},
    hard={False: 4, True: 1},
    sizes={"n": (6, 8, 10, 12, 16), "k": (2, 3, 4, 5)},
    weight=14,
    only="float32",
)
def palette_map(
    image,
    palette,
    weights=None,
    prior=None,
    *,
    metric="euclidean",
    result="colours",
    sharpness=8.0,
    expanded=False,
    rooted=False,
    linear=False,
    hard=False,
):
    """Compares pixels with the colours of a palette.

    Args:
        image: the pixels, a colour in each row.
        palette: the colours, one in each row.
        weights: how much each channel counts.
        prior: how likely each colour is, as a logit.
    """
    if linear:
        pixels = jnp.maximum(image, 1e-3) ** 2.2
        palette = jnp.maximum(palette, 1e-3) ** 2.2
    else:
        pixels = image
    if weights is not None:
        pixels = pixels * weights
        palette = palette * weights
    if metric == "cosine" or metric == "angle":
        unit = pixels / jnp.sqrt(jnp.sum(jnp.square(pixels), axis=-1, keepdims=True) + 1e-3)
        unit_palette = palette / jnp.linalg.norm(palette, axis=-1, keepdims=True)
        cosine = unit @ unit_palette.T
        if metric == "angle":
            distances = jnp.arccos(0.99 * cosine)
        else:
            distances = 1.0 - cosine
    elif metric == "manhattan":
        distances = jnp.sum(jnp.abs(pixels[:, None] - palette[None]), axis=-1)
    elif metric == "redmean":
        # Red counts more in bright colours, and blue in dark ones.
        square = jnp.square(pixels[:, None] - palette[None])
        red = 0.5 * (pixels[:, None, 0] + palette[None, :, 0])
        distances = (2.0 + red) * square[..., 0] + 4.0 * square[..., 1]
        distances = distances + (3.0 - red) * square[..., 2]
    elif expanded:
        norms = jnp.sum(jnp.square(pixels), axis=-1, keepdims=True)
        palette_norms = jnp.sum(jnp.square(palette), axis=-1)
        distances = norms - 2.0 * pixels @ palette.T + palette_norms
    else:
        distances = jnp.sum(jnp.square(pixels[:, None, :] - palette[None, :, :]), axis=-1)
    if rooted:
        distances = jnp.sqrt(jnp.maximum(distances, 1e-4))
    if prior is not None:
        distances = distances - prior / sharpness
    if result == "distances":
        return distances
    if result == "nearest":
        return jnp.min(distances, axis=-1)
    if result == "cost":
        return -jnp.mean(jax.nn.logsumexp(-sharpness * distances, axis=-1)) / sharpness
    if result == "key":
        # A matte that is 0 near the first colour.
        return jax.nn.sigmoid(sharpness * (distances[:, 0] - 0.3)) * jnp.min(distances, axis=-1)
    assignments = jax.nn.softmax(-sharpness * distances, axis=-1)
    if result == "assignments":
        return jnp.max(assignments, axis=-1)
    if result == "centres":
        totals = assignments.T @ image
        return totals / (jnp.sum(assignments, axis=0)[:, None] + 1e-2)
    if hard:
        nearest = jax.nn.one_hot(jnp.argmin(distances, axis=-1), palette.shape[0])
        assignments = assignments + lax.stop_gradient(nearest - assignments)
    return assignments @ palette
