"""Families: vectors in space, rotations, triangles, rays, light and rigid bodies."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
y: y 1
z: z 1
out: out 3, result 2
mask: mask 5, valid 3, visible 1
normalize: normalize 6, unit 2, safe_normalize 1, _normalize 1
dot: dot 5, inner 1, rowwise_dot 1
points: points 6, pts 2, positions 1
normals: normals 5, normal 2, n 1
quaternion_multiply: quaternion_multiply 4, quat_mul 5, qmul 2, hamilton_product 1
quaternion_conjugate: quaternion_conjugate 3, quat_conj 4, conjugate 2
quaternion_to_matrix: quaternion_to_matrix 3, quat_to_rotmat 3, quat_to_matrix 2
rotate_by_quaternion: rotate_by_quaternion 3, quat_rotate 5, rotate_vectors 2, apply_rotation 1
rodrigues: rodrigues 5, rotate_about_axis 4, axis_angle_rotate 3
cross_matrix: cross_matrix 2, skew 5, skew_symmetric 2, hat 2
rotation_vector_to_matrix: rotation_vector_to_matrix 2, exp_so3 3, so3_exp 2, rotvec_to_matrix 3
euler_matrix: euler_matrix 4, euler_to_matrix 4, rotation_from_euler 2
rotation_x: rotation_x 3, rot_x 4
rotation_y: rotation_y 3, rot_y 4
rotation_z: rotation_z 3, rot_z 4
look_at: look_at 6, look_at_transform 2, view_transform 2
view_points: view_points 2, to_camera_frame 4, world_to_camera 4
forward: forward 6, fwd 1, view_dir 1
triangle_normals: triangle_normals 4, face_normals 5, compute_normals 3
mesh_quantities: mesh_quantities 2, mesh_properties 4, analyze_mesh 1, mesh_geometry 3
vertices: vertices 6, verts 4
faces: faces 6, triangles 3
barycentric: barycentric 4, barycentric_coordinates 4, barycentric_coords 2
interpolate_on_triangle: interpolate_on_triangle 3, barycentric_interpolate 4, interp_triangle 2
trace_rays: trace_rays 3, intersect_rays 4, cast_rays 3, ray_intersection 2
intersect_triangle: intersect_triangle 3, moller_trumbore 4, ray_triangle_intersect 4
origin: origin 4, ray_origin 3, o 2
origins: origins 5, ray_origins 3, o 1
directions: directions 5, ray_dirs 3, dirs 2, d 1
shade: shade 5, shade_points 3, lighting 2, compute_lighting 2
light: light 4, light_pos 4, light_position 2
camera: camera 4, eye 4, view_pos 2, camera_position 1
diffuse: diffuse 5, lambert 2, n_dot_l 1
specular: specular 5, spec 3
shininess: shininess 5, exponent 1
reflect: reflect 6, mirror 1, reflect_vector 2
refract: refract 5, refract_rays 2, bend_rays 1
bond_angles: bond_angles 4, angle_energy 3, bond_angle_energy 3
dihedral_angles: dihedral_angles 4, dihedrals 3, torsion_angles 3
inertia_tensor: inertia_tensor 5, moment_of_inertia 3, compute_inertia 2
masses: masses 6, mass 2, m 3
angular_momentum: angular_momentum 5, total_angular_momentum 3, compute_angular_momentum 2
velocities: velocities 5, vel 3, v 3
positions: positions 5, pos 3, x 2, r 1
rigid_body_step: rigid_body_step 5, step_rigid_body 3, integrate_rotation 2
omega: omega 5, angular_velocity 3, ang_vel 2, w 1
torque: torque 6, tau 2
boris: boris 4, boris_push 5, push_particles 2, boris_step 2
project_points: project_points 5, project 4, camera_projection 2, project_to_image 1
spherical: spherical 2, cartesian_to_spherical 4, to_spherical 3
bezier: bezier 4, bezier_curve 4, evaluate_bezier 3, spline_points 1
control: control 3, control_points 6, ctrl 1
kabsch: kabsch 5, align_points 3, rigid_align 3, procrustes 2, superpose 2
fit_plane: fit_plane 5, plane_fit 2, fit_planes 1, estimate_plane 3
chamfer: chamfer 3, chamfer_distance 6, point_cloud_distance 2
contact_forces: contact_forces 4, collision_forces 3, sphere_contacts 2, dem_forces 2
centroid: centroid 5, center 3, mean 1
rotation: rotation 4, R 3, rot 3, rotation_matrix 2
signed_distance: signed_distance 4, sdf 5, scene_sdf 3
magnetic_field: magnetic_field 3, induced_field 3, field_at 2, compute_field 2
transform_points: transform_points 5, rigid_transform 3, apply_transform 3
"""


def normalize(v, eps=1e-6):
    return v / jnp.sqrt(jnp.sum(v**2, axis=-1, keepdims=True) + eps)


def dot(a, b):
    return jnp.sum(a * b, axis=-1, keepdims=True)


def quaternion_multiply(p, q):
    """Hamilton's product; the first component is the real one."""
    w1, x1, y1, z1 = p[..., 0], p[..., 1], p[..., 2], p[..., 3]
    w2, x2, y2, z2 = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    return jnp.stack(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ],
        axis=-1,
    )


def quaternion_conjugate(q):
    return q * jnp.array([1.0, -1.0, -1.0, -1.0], dtype=q.dtype)


def quaternion_to_matrix(q):
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        jnp.stack([1.0 - 2.0 * (y**2 + z**2), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)], -1),
        jnp.stack([2.0 * (x * y + w * z), 1.0 - 2.0 * (x**2 + z**2), 2.0 * (y * z - w * x)], -1),
        jnp.stack([2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x**2 + y**2)], -1),
    ]
    return jnp.stack(rows, axis=-2)


@family(
    "vector",
    q="n 4",
    v="n 3",
    second="? n 4",
    origin="? 3",
    translation="? n 3",
    form={"product": 2, "cross": 3, "matrix": 2},
    inverse={False: 2, True: 1},
    normalized={True: 3, False: 1},
    output={"vectors": 4, "both": 1, "displacement": 1},
)
def rotate_by_quaternion(
    q,
    v,
    second=None,
    origin=None,
    translation=None,
    *,
    form="cross",
    inverse=False,
    normalized=True,
    output="vectors",
):
    """Turns vectors by quaternions.

    Args:
        q: The quaternions, the real part first.
        v: The vectors.
        second: Quaternions of a second rotation, which follows.
        origin: The point about which they turn.
        translation: How far each of them is moved afterwards.
    """
    if second is not None:
        q = quaternion_multiply(second, q)
    if normalized:
        q = q / jnp.linalg.norm(q, axis=-1, keepdims=True)
    if inverse:
        q = quaternion_conjugate(q)
    if origin is not None:
        v = v - origin
    if form == "cross":
        w, u = q[..., :1], q[..., 1:]
        t = 2.0 * jnp.cross(u, v)
        rotated = v + w * t + jnp.cross(u, t)
    elif form == "matrix":
        rotated = jnp.einsum("nij,nj->ni", quaternion_to_matrix(q), v)
    else:
        pure = jnp.concatenate([jnp.zeros_like(v[..., :1]), v], axis=-1)
        turned = quaternion_multiply(quaternion_multiply(q, pure), quaternion_conjugate(q))
        rotated = turned[..., 1:]
    if output == "displacement":
        rotated = rotated - v
    elif origin is not None:
        rotated = rotated + origin
    if translation is not None:
        rotated = rotated + translation
    if output == "both":
        return rotated, q
    else:
        return rotated


def cross_matrix(v):
    """The matrix that takes the cross product with v."""
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    zero = jnp.zeros_like(x)
    flat = jnp.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1)
    return flat.reshape(*v.shape[:-1], 3, 3)


@family(
    "vector",
    v="n 3",
    axis="n 3",
    angle="? n",
    origin="? 3",
    form={"rodrigues": 3, "matrix": 2, "squared": 1},
    rotation={"angle": 3, "small": 1},
    output={"vectors": 3, "displacement": 1, "distance": 1, "matrix": 1},
)
def rodrigues(
    v, axis, angle=None, origin=None, *, form="rodrigues", rotation="angle", output="vectors"
):
    """Turns vectors about axes by Rodrigues' formula.

    Args:
        v: The vectors.
        axis: The axes.
        angle: By how much each vector turns.
        origin: A point on all axes.
    """
    if angle is None:
        theta = jnp.sqrt(jnp.sum(axis**2, axis=-1, keepdims=True) + 1e-6)
        k = axis / theta
    else:
        theta = angle[:, None]
        k = normalize(axis)
    if rotation == "small":
        # Terms of third order are left out.
        s, c = theta, 1.0 - 0.5 * theta**2
    else:
        s, c = jnp.sin(theta), jnp.cos(theta)
    if origin is not None:
        v = v - origin
    if form == "matrix":
        skew = cross_matrix(k)
        eye = jnp.eye(3, dtype=v.dtype)
        matrix = eye + s[..., None] * skew + (1.0 - c)[..., None] * (skew @ skew)
        rotated = jnp.einsum("nij,nj->ni", matrix, v)
        if output == "matrix":
            return rotated, matrix
    elif form == "squared":
        turned = jnp.cross(k, v)
        rotated = v + s * turned + (1.0 - c) * jnp.cross(k, turned)
    else:
        rotated = c * v + s * jnp.cross(k, v) + (1.0 - c) * dot(k, v) * k
    if output == "displacement":
        return rotated - v
    elif output == "distance":
        return jnp.sqrt(jnp.sum((rotated - v) ** 2, axis=-1) + 1e-6)
    if origin is not None:
        rotated = rotated + origin
    return rotated


def rotation_x(angle):
    c, s = jnp.cos(angle), jnp.sin(angle)
    return jnp.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def rotation_y(angle):
    c, s = jnp.cos(angle), jnp.sin(angle)
    return jnp.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def rotation_z(angle):
    c, s = jnp.cos(angle), jnp.sin(angle)
    return jnp.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


@family(
    "vector",
    points="n 3",
    angles="3",
    translation="? 3",
    scale="? 3 in 0.5..2",
    pivot="? 3",
    order={"zyx": 3, "xyz": 2, "zxz": 2, "yxz": 1, "zyz": 1},
    inverse={False: 3, True: 1},
    output={"points": 4, "matrix": 1, "bounds": 1, "radius": 1},
    only="float32",
)
def transform_points(
    points,
    angles,
    translation=None,
    scale=None,
    pivot=None,
    *,
    order="zyx",
    inverse=False,
    output="points",
):
    """Moves points as a rigid body, by three angles.

    Args:
        points: The points.
        angles: The angles of the three rotations.
        translation: How far the points move.
        scale: Factors along the axes, before they turn.
        pivot: The point that stays where it is in the rotation.
    """
    a, b, c = angles[0], angles[1], angles[2]
    if order == "zyx":
        rotation = rotation_z(a) @ rotation_y(b) @ rotation_x(c)
    elif order == "xyz":
        rotation = rotation_x(a) @ rotation_y(b) @ rotation_z(c)
    elif order == "zxz":
        rotation = rotation_z(a) @ rotation_x(b) @ rotation_z(c)
    elif order == "yxz":
        rotation = rotation_y(a) @ rotation_x(b) @ rotation_z(c)
    else:
        rotation = rotation_z(a) @ rotation_y(b) @ rotation_z(c)
    if inverse:
        rotation = rotation.T
    if scale is not None:
        points = points * scale
    if pivot is not None:
        points = pivot + (points - pivot) @ rotation.T
    else:
        points = points @ rotation.T
    if translation is not None:
        points = points + translation
    if output == "matrix":
        return points, rotation
    elif output == "bounds":
        return jnp.min(points, axis=0), jnp.max(points, axis=0)
    elif output == "radius":
        return jnp.sqrt(jnp.sum((points - 1.0) ** 2, axis=-1))
    else:
        return points


@family(
    "vector",
    points="n 3",
    eye="3 in 2.5..4",
    target="3 in -1..1",
    up="? 3 in 0.5..1",
    colors="? n 3 in 0..1",
    projection={None: 2, "perspective": 3, "orthographic": 1},
    handed={"right": 2, "left": 1},
    depth={False: 2, True: 1},
    frame={False: 4, True: 1},
    fog={False: 3, True: 1},
)
def look_at(
    points,
    eye,
    target,
    up=None,
    colors=None,
    *,
    projection=None,
    handed="right",
    depth=False,
    frame=False,
    fog=False,
):
    """Sees points from a camera that looks at a target.

    Args:
        points: The points in the world.
        eye: Where the camera is.
        target: Where it looks.
        up: Which way is up.
        colors: Colours of the points, which fade with the distance.
    """
    if up is None:
        up = jnp.array([0.0, 0.0, 1.0], dtype=eye.dtype)
    forward = normalize(target - eye)
    right = normalize(jnp.cross(forward, up))
    true_up = jnp.cross(right, forward)
    if handed == "left":
        axes = jnp.stack([right, true_up, forward])
    else:
        axes = jnp.stack([right, true_up, -forward])
    seen = (points - eye) @ axes.T
    if colors is not None:
        distance = jnp.linalg.norm(seen, axis=-1, keepdims=True)
        if fog:
            share = jnp.exp(-0.2 * distance)
            return seen, share * colors + 0.5 * (1.0 - share)
        return seen, colors / (1.0 + 0.1 * distance**2)
    if projection == "perspective":
        z = jnp.sqrt(seen[:, 2:] ** 2 + 0.1)
        image = 1.5 * seen[:, :2] / z
        if depth:
            return image, 1.0 / z
        return image
    elif projection == "orthographic":
        return 0.25 * seen[:, :2]
    if frame:
        return seen, axes
    return seen


@family(
    "vector",
    vertices="k 3",
    faces="m 3 int k",
    colors="? k 3 in 0..1",
    scale="? 3 in 0.5..2",
    displacement="? k 3 in -0.3..0.3",
    output={
        "normals": 3,
        "areas": 3,
        "vertex_normals": 3,
        "volume": 2,
        "edges": 2,
        "smooth": 2,
        "centroids": 2,
        "quality": 1,
    },
    unit=(True, False),
    form={"fancy": 3, "take": 1},
    weighting={"area": 2, "uniform": 1},
    sizes={"k": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
    only="float32",
)
def mesh_quantities(
    vertices,
    faces,
    colors=None,
    scale=None,
    displacement=None,
    *,
    output="normals",
    unit=True,
    form="fancy",
    weighting="area",
):
    """Quantities of a mesh of triangles.

    Args:
        vertices: Positions of the vertices.
        faces: The vertices of each triangle.
        colors: Colours of the vertices; their mean over the triangles is returned as well.
        scale: Factors of the mesh along the axes.
        displacement: How far each vertex is moved before.
    """
    if displacement is not None:
        vertices = vertices + displacement
    if scale is not None:
        vertices = vertices * scale
    if form == "take":
        corners = jnp.take(vertices, faces, axis=0)
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    else:
        a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    normals = jnp.cross(b - a, c - a)
    areas = 0.5 * jnp.sqrt(jnp.sum(normals**2, axis=-1) + 1e-6)
    if output == "areas":
        value = areas
    elif output == "volume":
        # The sum of the tetrahedra between the triangles and the origin.
        value = jnp.sum(jnp.sum(a * jnp.cross(b, c), axis=-1)) / 6.0
    elif output == "edges":
        edges = jnp.stack([b - a, c - b, a - c], axis=1)
        value = jnp.sqrt(jnp.sum(edges**2, axis=-1) + 1e-6)
    elif output == "quality":
        # It is one for a triangle with equal sides.
        sides = jnp.sum((b - a) ** 2 + (c - b) ** 2 + (a - c) ** 2, axis=-1)
        value = 4.0 * 3.0**0.5 * areas / (sides + 1e-3)
    elif output == "centroids":
        value = (a + b + c) / 3.0
        if weighting == "area":
            value = jnp.sum(areas[:, None] * value, axis=0) / jnp.sum(areas)
    elif output == "smooth":
        # Each vertex moves towards the middle of its triangles.
        middle = (a + b + c) / 3.0
        value = vertices
        for corner in range(3):
            step = middle - vertices[faces[:, corner]]
            value = value.at[faces[:, corner]].add(0.2 * step)
    elif output == "vertex_normals":
        if weighting == "uniform":
            normals = normals / (2.0 * areas[:, None])
        value = jnp.zeros_like(vertices)
        for corner in range(3):
            value = value.at[faces[:, corner]].add(normals)
        if unit:
            value = normalize(value, eps=1e-3)
    else:
        value = normalize(normals, eps=1e-3) if unit else normals
    if colors is not None:
        return value, jnp.mean(colors[faces], axis=1)
    return value


@family(
    "vector",
    points="n 3",
    a="3",
    b="3",
    c="3",
    values="? 3",
    colors="? 3 3 in 0..1",
    clamped={False: 2, "clip": 1, "softmax": 1},
    form={"gram": 3, "areas": 2},
    output={"coordinates": 3, "projection": 2, "distance": 2},
    only="float32",
)
def interpolate_on_triangle(
    points, a, b, c, values=None, colors=None, *, clamped=False, form="gram", output="coordinates"
):
    """Barycentric coordinates of points, and what they make of values at the corners.

    Args:
        points: The points, which needn't be in the plane of the triangle.
        a: The first corner.
        b: The second corner.
        c: The third corner.
        values: A value at each corner.
        colors: A colour at each corner.
    """
    e1, e2 = b - a, c - a
    p = points - a
    if form == "areas":
        normal = jnp.cross(e1, e2)
        scale = jnp.sum(normal**2) + 0.1
        v = jnp.cross(p, e2) @ normal / scale
        w = jnp.cross(e1, p) @ normal / scale
    else:
        d11, d12, d22 = e1 @ e1, e1 @ e2, e2 @ e2
        p1, p2 = p @ e1, p @ e2
        scale = d11 * d22 - d12**2 + 0.1
        v = (d22 * p1 - d12 * p2) / scale
        w = (d11 * p2 - d12 * p1) / scale
    weights = jnp.stack([1.0 - v - w, v, w], axis=-1)
    if clamped == "clip":
        weights = jnp.clip(weights, 0.0, 1.0)
        weights = weights / jnp.sum(weights, axis=-1, keepdims=True)
    elif clamped == "softmax":
        weights = jax.nn.softmax(4.0 * weights, axis=-1)
    if values is not None:
        if colors is not None:
            return weights @ values, weights @ colors
        return weights @ values
    if colors is not None:
        return weights @ colors
    corners = jnp.stack([a, b, c])
    if output == "projection":
        return weights @ corners
    elif output == "distance":
        return jnp.sum((points - weights @ corners) ** 2, axis=-1)
    else:
        # The three of them add up to one.
        return weights[:, 1:]


@family(
    "vector",
    origins="n 3 in -1..1",
    directions="n 3",
    centre="3 in 1..2.5",
    colors="? n 3 in 0..1",
    radius="? in 1..2",
    body={"sphere": 4, "plane": 3, "box": 2, "disk": 1},
    miss={"far": 1, "zero": 1, "keep": 2},
    output={"distance": 2, "point": 3, "normal": 2, "shaded": 2, "nearest": 1},
    unit=(True, False),
    only="float32",
)
def trace_rays(
    origins,
    directions,
    centre,
    colors=None,
    radius=None,
    *,
    body="sphere",
    miss="keep",
    output="point",
    unit=True,
):
    """Where rays meet a body.

    Args:
        origins: Where the rays start.
        directions: Where they go.
        centre: The centre of the body.
        colors: Colours of the rays, which are dimmed along the way.
        radius: Radius of the body, or how far away a plane is.
    """
    if radius is None:
        radius = 1.5
    if unit:
        directions = normalize(directions)
    if body == "plane" or body == "disk":
        # It faces the origin, as far from it as the radius says.
        normal = normalize(centre)
        slope = directions @ normal
        t = (radius - origins @ normal) * slope / (slope**2 + 0.05)
        hit = t > 0.0
        if body == "disk":
            offset = origins + t[:, None] * directions - radius * normal
            hit = hit & (jnp.sum(offset**2, axis=-1) < 4.0)
        normals = jnp.broadcast_to(-normal, directions.shape)
    elif body == "box":
        inverse = directions / (directions**2 + 0.05)
        t1 = (centre - radius - origins) * inverse
        t2 = (centre + radius - origins) * inverse
        t = jnp.max(jnp.minimum(t1, t2), axis=-1)
        hit = t < jnp.min(jnp.maximum(t1, t2), axis=-1)
        normals = normalize(origins + t[:, None] * directions - centre)
    else:
        offset = origins - centre
        a = jnp.sum(directions**2, axis=-1) + 1e-3
        b = jnp.sum(offset * directions, axis=-1)
        discriminant = b**2 - a * (jnp.sum(offset**2, axis=-1) - radius**2)
        hit = discriminant > 0.0
        t = (-b - jnp.sqrt(jnp.maximum(discriminant, 1e-2))) / a
        normals = (offset + t[:, None] * directions) / radius
    if output == "nearest":
        return jnp.min(t), jnp.mean(normals, axis=0)
    if miss == "zero":
        t = jnp.where(hit, t, 0.0)
    elif miss == "far":
        t = jnp.where(hit, t, 20.0)
    points = origins + t[:, None] * directions
    if colors is not None:
        return points, colors * jnp.exp(-0.1 * jnp.abs(t))[:, None]
    if output == "distance":
        return t
    elif output == "normal":
        return points, normals
    elif output == "shaded":
        facing = -jnp.sum(directions * normals, axis=-1)
        return (0.2 + 0.8 * jax.nn.relu(facing)) / (1.0 + 0.1 * t**2)
    else:
        return points


@family(
    "vector",
    origins="n 3 in -0.5..0.5",
    directions="n 3 in 0.5..1.5",
    a="3 in 1..3",
    b="3 in 1..3",
    c="3 in 1..3",
    mask="? n bool",
    attributes="? 3 m",
    culled={False: 3, True: 1},
    miss={"keep": 3, "soft": 2, "far": 1},
    output={"distance": 2, "point": 2, "coordinates": 2, "coverage": 2},
    sharpness={4.0: 1, 8.0: 2, 16.0: 1},
    sizes={"m": (2, 4, 5)},
    only="float32",
)
def intersect_triangle(
    origins,
    directions,
    a,
    b,
    c,
    mask=None,
    attributes=None,
    *,
    culled=False,
    miss="keep",
    output="distance",
    sharpness=8.0,
):
    """Where rays meet a triangle, after Möller and Trumbore.

    Args:
        origins: Where the rays start.
        directions: Where they go.
        a: The first corner.
        b: The second corner.
        c: The third corner.
        mask: Which rays count.
        attributes: What is interpolated between the corners.
    """
    e1, e2 = b - a, c - a
    pvec = jnp.cross(directions, e2)
    det = pvec @ e1
    # Rays along the plane of the triangle would divide by zero.
    if culled:
        inverse = 1.0 / (jax.nn.softplus(4.0 * det) / 4.0 + 0.1)
    else:
        inverse = det / (det**2 + 0.1)
    tvec = origins - a
    u = jnp.sum(tvec * pvec, axis=-1) * inverse
    qvec = jnp.cross(tvec, e1)
    v = jnp.sum(directions * qvec, axis=-1) * inverse
    t = qvec @ e2 * inverse
    margin = jnp.minimum(jnp.minimum(u, v), 1.0 - u - v)
    if miss == "far":
        hit = margin > 0.0
        if mask is not None:
            hit = hit & mask
        t = jnp.where(hit, t, 10.0)
    elif miss == "soft":
        coverage = jax.nn.sigmoid(sharpness * margin)
        t = coverage * t + (1.0 - coverage) * 10.0
        if mask is not None:
            t = jnp.where(mask, t, 10.0)
    elif mask is not None:
        t = jnp.where(mask, t, 10.0)
    if attributes is not None:
        weights = jnp.stack([1.0 - u - v, u, v], axis=-1)
        return t, weights @ attributes
    if output == "point":
        return origins + t[:, None] * directions
    elif output == "coordinates":
        return t, u, v
    elif output == "coverage":
        return t, jax.nn.sigmoid(sharpness * margin)
    else:
        return t


def reflect(d, n):
    """Mirrors directions at a surface."""
    return d - 2.0 * dot(d, n) * n


@family(
    "vector",
    points="n 3",
    normals="n 3",
    light="3 in 2.5..4",
    camera="3 in -4..-2.5",
    albedo="? n 3 in 0.2..1",
    light_color="? 3 in 0.5..1",
    model={"phong": 3, "blinn": 3, "gaussian": 1},
    diffusion={"lambert": 4, "half_lambert": 1, "oren_nayar": 1, "toon": 1},
    attenuation={None: 2, "inverse_square": 2, "linear": 1, "spot": 1},
    fresnel={False: 3, True: 1},
    hemisphere={False: 3, True: 1},
    gamma={None: 3, "reinhard": 1, "power": 1},
    two_sided={False: 3, True: 1},
    shininess=(8, 16, 32),
)
def shade(
    points,
    normals,
    light,
    camera,
    albedo=None,
    light_color=None,
    *,
    model="phong",
    diffusion="lambert",
    attenuation=None,
    fresnel=False,
    hemisphere=False,
    gamma=None,
    two_sided=False,
    shininess=16,
):
    """Brightness of points in the light of a lamp.

    Args:
        points: The points.
        normals: Normals of the surface there.
        light: Where the lamp is.
        camera: Where the camera is.
        albedo: Colours of the points.
        light_color: Colour of the lamp.
    """
    n = normalize(normals)
    to_light = light - points
    light_dir = normalize(to_light)
    view_dir = normalize(camera - points)
    n_dot_l = dot(n, light_dir)
    if two_sided:
        n_dot_l = jnp.abs(n_dot_l)
    if diffusion == "half_lambert":
        diffuse = (0.5 + 0.5 * n_dot_l) ** 2
    elif diffusion == "oren_nayar":
        n_dot_v = jnp.maximum(dot(n, view_dir), 0.1)
        rough = dot(light_dir, view_dir) - n_dot_l * n_dot_v
        diffuse = jax.nn.relu(n_dot_l)
        diffuse = diffuse * (0.85 + 0.3 * rough / jnp.maximum(diffuse, n_dot_v))
    elif diffusion == "toon":
        diffuse = 0.3 + 0.7 * jax.nn.sigmoid(20.0 * (n_dot_l - 0.3))
    else:
        diffuse = jax.nn.relu(n_dot_l)
    if model == "blinn":
        half = normalize(light_dir + view_dir)
        specular = jax.nn.relu(dot(n, half)) ** shininess
    elif model == "gaussian":
        half = normalize(light_dir + view_dir)
        specular = jnp.exp(-shininess * (1.0 - dot(n, half)))
    else:
        specular = jax.nn.relu(dot(reflect(-light_dir, n), view_dir)) ** shininess
    if fresnel:
        # Grazing light is mirrored more.
        specular = specular + 0.2 * (1.0 - jax.nn.relu(dot(n, view_dir))) ** 5
    if albedo is not None:
        color = (0.1 + 0.9 * diffuse) * albedo + 0.5 * specular
    else:
        color = 0.1 + 0.9 * diffuse + 0.5 * specular
    if attenuation == "inverse_square":
        color = color * 10.0 / (1.0 + jnp.sum(to_light**2, axis=-1, keepdims=True))
    elif attenuation == "linear":
        color = color / (1.0 + 0.1 * jnp.linalg.norm(to_light, axis=-1, keepdims=True))
    elif attenuation == "spot":
        # The lamp points to the origin.
        color = color * jax.nn.sigmoid(10.0 * (dot(light_dir, normalize(light)) - 0.5))
    if light_color is not None:
        color = color * light_color
    if hemisphere:
        color = color + 0.1 * (1.0 + n[..., 2:])
    if gamma == "reinhard":
        color = color / (1.0 + color)
    elif gamma == "power":
        color = jnp.power(color + 1e-3, 1.0 / 2.2)
    return color


@family(
    "vector",
    directions="n 3",
    normals="n 3",
    positions="? n 3",
    eta="? n in 0.5..0.95",
    kind={"refract": 4, "reflect": 2, "split": 2, "blend": 2},
    unit=(True, False),
    facing={False: 2, True: 1},
    total={"clamp": 2, "soft": 1},
    only="float32",
)
def refract(
    directions,
    normals,
    positions=None,
    eta=None,
    *,
    kind="refract",
    unit=True,
    facing=True,
    total="clamp",
):
    """What becomes of rays at a surface of glass.

    Args:
        directions: Directions of the rays.
        normals: Normals of the surface.
        positions: Where the rays meet the surface.
        eta: Ratios of the refractive indices.
    """
    d = normalize(directions)
    n = normalize(normals)
    cos_i = -dot(d, n)
    if facing:
        # Normals are turned against the rays.
        n = n * jnp.sign(cos_i)
        cos_i = jnp.abs(cos_i)
    if eta is not None:
        ratio = eta[:, None]
    else:
        ratio = 2.0 / 3.0
    mirrored = d + 2.0 * cos_i * n
    k = 1.0 - ratio**2 * (1.0 - cos_i**2)
    if total == "soft":
        cos_t = jnp.sqrt(jax.nn.softplus(8.0 * k) / 8.0)
    else:
        cos_t = jnp.sqrt(jnp.maximum(k, 1e-2))
    bent = ratio * d + (ratio * cos_i - cos_t) * n
    if kind == "reflect":
        share = ((ratio * cos_i - cos_t) / (ratio * jnp.abs(cos_i) + cos_t)) ** 2
        out = share * mirrored
    elif kind == "split":
        share = ((ratio * cos_i - cos_t) / (ratio * jnp.abs(cos_i) + cos_t)) ** 2
        if positions is not None:
            return positions + share * mirrored, positions + (1.0 - share) * bent
        return share * mirrored, (1.0 - share) * bent
    elif kind == "blend":
        share = ((ratio * cos_i - cos_t) / (ratio * jnp.abs(cos_i) + cos_t)) ** 2
        out = share * mirrored + (1.0 - share) * bent
    else:
        out = bent
    if unit:
        out = normalize(out)
    if positions is not None:
        return positions + 0.5 * out
    return out


@family(
    "vector",
    a="n 3",
    b="n 3",
    c="n 3",
    d="? n 3",
    k="? n in 0.5..2",
    equilibrium="? n in -0.5..0.5",
    form={"harmonic": 2, "cosine": 3, "angle": 2, "ryckaert": 1, "urey": 1},
    periodicity={1: 1, 2: 2, 3: 2},
    reduction={None: 3, "sum": 2, "mean": 1},
    only="float32",
)
def bond_angles(
    a, b, c, d=None, k=None, equilibrium=None, *, form="cosine", periodicity=2, reduction=None
):
    """Angles between bonds, or dihedral angles of four atoms, and their energies.

    Args:
        a: Positions of the first atoms.
        b: Positions of the second atoms.
        c: Positions of the third atoms.
        d: Positions of the fourth atoms, if the angles are dihedral.
        k: Stiffness of the angles.
        equilibrium: Angles at rest.
    """
    if d is not None:
        b1, b2, b3 = b - a, c - b, d - c
        n1 = jnp.cross(b1, b2)
        n2 = jnp.cross(b2, b3)
        y = jnp.sum(jnp.cross(n1, n2) * normalize(b2), axis=-1)
        x = jnp.sum(n1 * n2, axis=-1)
        angle = jnp.arctan2(y, x)
    else:
        u, w = a - b, c - b
        sine = jnp.sqrt(jnp.sum(jnp.cross(u, w) ** 2, axis=-1) + 1e-4)
        angle = jnp.arctan2(sine, jnp.sum(u * w, axis=-1))
    if equilibrium is not None:
        angle = angle - equilibrium
    if form == "harmonic":
        energy = 0.5 * angle**2
    elif form == "cosine":
        energy = 1.0 + jnp.cos(periodicity * angle)
    elif form == "ryckaert":
        x = jnp.cos(angle)
        energy = 1.1 + 1.3 * x - 0.5 * x**2 - 1.9 * x**3
    elif form == "urey":
        energy = 0.5 * (jnp.linalg.norm(c - a, axis=-1) - 1.5) ** 2 + 0.5 * angle**2
    else:
        energy = angle
    if k is not None:
        energy = k * energy
    if reduction == "sum":
        return jnp.sum(energy)
    elif reduction == "mean":
        return jnp.mean(energy)
    else:
        return energy


def inertia_tensor(positions, masses):
    """The tensor of inertia about the origin."""
    r2 = jnp.sum(positions**2, axis=-1)
    outer = positions[:, :, None] * positions[:, None, :]
    eye = jnp.eye(3, dtype=positions.dtype)
    return jnp.sum(masses[:, None, None] * (r2[:, None, None] * eye - outer), axis=0)


@family(
    "vector",
    positions="n 3",
    velocities="n 3",
    masses="n in 0.5..2",
    forces="? n 3",
    spins="? n 3",
    pivot="? 3",
    active="? n bool",
    about={"centre": 3, "origin": 2},
    extra={None: 3, "centre": 1, "energy": 2, "inertia": 2, "virial": 1, "gyration": 1},
    per_body={False: 3, True: 1},
)
def angular_momentum(
    positions,
    velocities,
    masses,
    forces=None,
    spins=None,
    pivot=None,
    active=None,
    *,
    about="centre",
    extra=None,
    per_body=False,
):
    """Angular momentum of a system of bodies, and what goes with it.

    Args:
        positions: Positions of the bodies.
        velocities: Their velocities.
        masses: Their masses.
        forces: Forces on them; then the torque is returned as well.
        spins: Angular momenta of the bodies themselves.
        pivot: The point about which it is taken.
        active: Which of the bodies count.
    """
    if active is not None:
        masses = jnp.where(active, masses, 0.0)
    if pivot is not None:
        r, v = positions - pivot, velocities
    elif about == "centre":
        total = jnp.sum(masses) + 1e-3
        r = positions - masses @ positions / total
        v = velocities - masses @ velocities / total
    else:
        r, v = positions, velocities
    momentum = masses[:, None] * jnp.cross(r, v)
    if spins is not None:
        momentum = momentum + spins
    if not per_body:
        momentum = jnp.sum(momentum, axis=0)
    if forces is not None:
        return momentum, jnp.sum(jnp.cross(r, forces), axis=0)
    if extra == "centre":
        return momentum, masses @ positions / (jnp.sum(masses) + 1e-3)
    elif extra == "energy":
        return momentum, 0.5 * masses @ jnp.sum(v**2, axis=-1)
    elif extra == "inertia":
        return momentum, inertia_tensor(r, masses)
    elif extra == "virial":
        return momentum, jnp.sum(masses[:, None] * r * v)
    elif extra == "gyration":
        return momentum, jnp.sqrt(jnp.mean(jnp.sum(r**2, axis=-1)))
    else:
        return momentum


def quaternion_rotate(q, v, inverse=False):
    """Turns vectors by unit quaternions, or back."""
    w, u = q[..., :1], q[..., 1:]
    if inverse:
        u = -u
    t = 2.0 * jnp.cross(u, v)
    return v + w * t + jnp.cross(u, t)


def quaternion_rate(q, omega):
    """How a quaternion changes by an angular velocity in the body's axes."""
    w, u = q[..., :1], q[..., 1:]
    return 0.5 * jnp.concatenate([-dot(u, omega), w * omega + jnp.cross(u, omega)], axis=-1)


@family(
    "vector",
    q="n 4",
    omega="n 3",
    torque="n 3 in -1..1",
    inertia="3 in 0.5..2",
    damping="? n in 0..0.5",
    dt="? in 0.02..0.1",
    method={"euler": 2, "semi_implicit": 3, "midpoint": 1},
    frame={"body": 2, "world": 1},
    exponential={False: 2, True: 1},
    steps={1: 4, 3: 1, 5: 1},
    output={"state": 3, "energy": 1, "momentum": 1},
    sizes={"n": (1, 2, 4, 5, 6, 8)},
)
def rigid_body_step(
    q,
    omega,
    torque,
    inertia,
    damping=None,
    dt=None,
    *,
    method="semi_implicit",
    frame="body",
    exponential=False,
    steps=1,
    output="state",
):
    """Advances the rotation of rigid bodies.

    Args:
        q: Their orientations as quaternions, the real part first.
        omega: Their angular velocities along their main axes.
        torque: Torques on them.
        inertia: Their main moments of inertia.
        damping: How fast each rotation decays.
        dt: The time step.
    """
    if dt is None:
        dt = 0.05

    def angular_acceleration(q, omega):
        a = -jnp.cross(omega, inertia * omega) / inertia
        if frame == "world":
            # The torque is given in the world's axes.
            a = a + quaternion_rotate(q, torque, inverse=True) / inertia
        else:
            a = a + torque / inertia
        if damping is not None:
            a = a - damping[:, None] * omega
        return a

    def turn(q, omega):
        change = dt * quaternion_rate(q, omega)
        if exponential:
            angle = 0.5 * dt * jnp.sqrt(jnp.sum(omega**2, axis=-1, keepdims=True) + 1e-6)
            return jnp.cos(angle) * q + jnp.sin(angle) / angle * change
        q = q + change
        return q / jnp.linalg.norm(q, axis=-1, keepdims=True)

    def advance(q, omega):
        if method == "semi_implicit":
            omega = omega + dt * angular_acceleration(q, omega)
            q = turn(q, omega)
        elif method == "midpoint":
            middle = omega + 0.5 * dt * angular_acceleration(q, omega)
            omega = omega + dt * angular_acceleration(q, middle)
            q = turn(q, middle)
        else:
            q, omega = turn(q, omega), omega + dt * angular_acceleration(q, omega)
        return q, omega

    q = q / jnp.linalg.norm(q, axis=-1, keepdims=True)
    if steps == 1:
        q, omega = advance(q, omega)
    else:
        q, omega = lax.fori_loop(0, steps, lambda _, state: advance(*state), (q, omega))
    if output == "energy":
        return q, 0.5 * jnp.sum(inertia * omega**2, axis=-1)
    elif output == "momentum":
        return quaternion_rotate(q, inertia * omega)
    else:
        return q, omega


@family(
    "vector",
    x="n 3",
    v="n 3",
    b="3",
    e="? 3",
    charge_to_mass="? n in 0.5..1.5",
    field={"uniform": 3, "mirror": 1, "gradient": 1, "shear": 1},
    method={"boris": 3, "euler": 1, "midpoint": 1, "relativistic": 1},
    drag={False: 3, True: 1},
    record={None: 2, "path": 2, "energy": 1},
    steps={1: 4, 4: 1, 6: 1, 8: 1},
    sizes={"n": (1, 2, 4, 5, 6, 8)},
)
def boris(
    x,
    v,
    b,
    e=None,
    charge_to_mass=None,
    *,
    field="uniform",
    method="boris",
    drag=False,
    record=None,
    steps=1,
):
    """Moves charged particles in a magnetic field.

    Args:
        x: Positions of the particles.
        v: Their velocities.
        b: The magnetic field at the origin.
        e: An electric field.
        charge_to_mass: Charges of the particles by their masses.
    """
    dt = 0.1

    def field_at(x):
        if field == "mirror":
            return b * (1.0 + 0.2 * x[..., 2:] ** 2)
        elif field == "gradient":
            return b * (1.0 + 0.1 * x[..., :1])
        elif field == "shear":
            return b + 0.1 * jnp.roll(x, 1, axis=-1)
        else:
            return b

    def advance(x, v):
        half = 0.5 * dt
        if charge_to_mass is not None:
            half = half * charge_to_mass[:, None]
        if e is not None:
            v = v + half * e
        t = half * field_at(x)
        if method == "relativistic":
            t = t / jnp.sqrt(1.0 + 0.1 * jnp.sum(v**2, axis=-1, keepdims=True))
        if method == "euler":
            v = v + 2.0 * jnp.cross(v, t)
        elif method == "midpoint":
            middle = v + jnp.cross(v, t)
            v = v + 2.0 * jnp.cross(middle, t)
        else:
            # A rotation that keeps the speed.
            s = 2.0 * t / (1.0 + jnp.sum(t**2, axis=-1, keepdims=True))
            v = v + jnp.cross(v + jnp.cross(v, t), s)
        if e is not None:
            v = v + half * e
        if drag:
            v = v * (1.0 - 0.1 * dt)
        return x + dt * v, v

    if steps == 1:
        x, v = advance(x, v)
        if record == "energy":
            return x, 0.5 * jnp.sum(v**2, axis=-1)
        return x, v
    if record is None:
        x, v = lax.fori_loop(0, steps, lambda _, state: advance(*state), (x, v))
        return x, v

    def step(state, _):
        x, v = advance(*state)
        if record == "energy":
            energy = 0.5 * jnp.sum(v**2, axis=-1, keepdims=True)
            return (x, v), jnp.concatenate([x, energy], axis=-1)
        return (x, v), x

    _, history = lax.scan(step, (x, v), None, length=steps)
    return history


@family(
    "vector",
    points="n 3 in -1..1",
    focal="2 in 0.8..1.5",
    rotation="? 3 3 in -1..1",
    translation="? 3 in -0.5..0.5",
    principal="? 2",
    radial="? 2 in -0.2..0.2",
    observed="? n 2",
    weights="? n in 0.2..1",
    distortion={"polynomial": 3, "division": 1, "fisheye": 1},
    loss={"squared": 2, "huber": 1, "cauchy": 1, "residual": 2},
    depth={"add": 3, "softplus": 1},
)
def project_points(
    points,
    focal,
    rotation=None,
    translation=None,
    principal=None,
    radial=None,
    observed=None,
    weights=None,
    *,
    distortion="polynomial",
    loss="squared",
    depth="add",
):
    """Projects points into the image of a camera.

    Args:
        points: The points, in front of the camera.
        focal: Focal lengths along both axes of the image.
        rotation: Orientation of the camera.
        translation: Its position.
        principal: The point in the image to which it looks.
        radial: How its lens distorts the image.
        observed: Where the points were seen, to which their images are compared.
        weights: How much each point counts.
    """
    if rotation is not None:
        points = points @ rotation.T
    if translation is not None:
        points = points + translation
    if depth == "softplus":
        z = 0.5 + jax.nn.softplus(points[:, 2:])
    else:
        z = 6.0 + points[:, 2:]
    image = points[:, :2] / z
    if radial is not None:
        r2 = jnp.sum(image**2, axis=-1, keepdims=True)
        if distortion == "division":
            image = image / (1.0 + radial[0] * r2 + radial[1] * r2**2)
        elif distortion == "fisheye":
            angle = jnp.arctan(jnp.sqrt(r2 + 1e-6))
            image = image * (1.0 + radial[0] * angle**2 + radial[1] * angle**4)
        else:
            image = image * (1.0 + radial[0] * r2 + radial[1] * r2**2)
    pixels = focal * image
    if principal is not None:
        pixels = pixels + principal
    if observed is None:
        if weights is not None:
            pixels = weights[:, None] * pixels
        return pixels
    residual = pixels - observed
    if loss == "residual":
        if weights is not None:
            residual = weights[:, None] * residual
        return residual
    error = jnp.sum(residual**2, axis=-1)
    if loss == "huber":
        error = 2.0 * (jnp.sqrt(1.0 + error) - 1.0)
    elif loss == "cauchy":
        error = jnp.log1p(error)
    if weights is not None:
        error = weights * error
    return jnp.mean(error)


@family(
    "vector",
    points="n 3",
    centre="? 3",
    rotation="? 3 3 in -1..1",
    weights="? n in 0.2..1",
    kind={"spherical": 3, "cylindrical": 2, "geographic": 2, "stereographic": 1, "harmonics": 2},
    degrees={False: 3, True: 1},
    stacked={True: 2, False: 1},
)
def spherical(
    points,
    centre=None,
    rotation=None,
    weights=None,
    *,
    kind="spherical",
    degrees=False,
    stacked=True,
):
    """Writes points in curved coordinates.

    Args:
        points: The points.
        centre: The origin of the coordinates.
        rotation: How the axes are turned.
        weights: Factors of the points.
    """
    if centre is not None:
        points = points - centre
    if rotation is not None:
        points = points @ rotation.T
    if weights is not None:
        points = weights[:, None] * points
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    rho2 = x**2 + y**2
    r = jnp.sqrt(rho2 + z**2 + 1e-6)
    phi = jnp.arctan2(y, x)
    if degrees:
        phi = jnp.rad2deg(phi)
    theta = jnp.arctan2(jnp.sqrt(rho2 + 1e-6), z)
    if kind == "harmonics":
        # Real spherical harmonics of degrees one and two, but for constant factors.
        parts = [y / r, z / r, x / r, x * y / r**2, (3.0 * z**2 - r**2) / r**2]
        return jnp.stack(parts, axis=-1)
    elif kind == "stereographic":
        # Each half of the sphere is seen from the pole of the other.
        first, second, third = x / (r + jnp.abs(z)), y / (r + jnp.abs(z)), r
    elif kind == "cylindrical":
        first, second, third = jnp.sqrt(rho2 + 1e-6), phi, z
    elif kind == "geographic":
        first, second, third = jnp.arctan2(z, jnp.sqrt(rho2 + 1e-6)), phi, r
    else:
        first, second, third = r, theta, phi
    if stacked:
        return jnp.stack([first, second, third], axis=-1)
    return first, second, third


@family(
    "vector",
    control="4 3",
    t="n in 0..1",
    weights="? 4 in 0.5..2",
    scale="? 3 in 0.5..2",
    target="? n 3",
    curve={"bernstein": 3, "casteljau": 3, "catmull_rom": 2, "b_spline": 2, "hermite": 1},
    output={"points": 3, "steps": 2, "length": 1, "curvature": 1},
    ease={None: 3, "smooth": 1, "cosine": 1},
    loss={"mean": 2, "sum": 1, "max": 1},
)
def bezier(
    control,
    t,
    weights=None,
    scale=None,
    target=None,
    *,
    curve="bernstein",
    output="points",
    ease=None,
    loss="mean",
):
    """Points on a cubic curve.

    Args:
        control: Control points of the curve.
        t: Where on the curve the points are, from 0 to 1.
        weights: Weights of the control points, for a rational curve.
        scale: Factors of the curve along the axes.
        target: Points to which those on the curve are compared.
    """
    if ease == "smooth":
        t = t**2 * (3.0 - 2.0 * t)
    elif ease == "cosine":
        t = 0.5 - 0.5 * jnp.cos(jnp.pi * t)
    if scale is not None:
        control = control * scale
    if curve == "casteljau" and weights is None:
        points, s = control[:, None, :], t[:, None]
        for _ in range(3):
            points = (1.0 - s) * points[:-1] + s * points[1:]
        value = points[0]
    else:
        s = 1.0 - t
        if curve == "catmull_rom":
            basis = [
                0.5 * (-t + 2.0 * t**2 - t**3),
                0.5 * (2.0 - 5.0 * t**2 + 3.0 * t**3),
                0.5 * (t + 4.0 * t**2 - 3.0 * t**3),
                0.5 * (t**3 - t**2),
            ]
        elif curve == "b_spline":
            basis = [
                s**3 / 6.0,
                (4.0 - 6.0 * t**2 + 3.0 * t**3) / 6.0,
                (1.0 + 3.0 * t + 3.0 * t**2 - 3.0 * t**3) / 6.0,
                t**3 / 6.0,
            ]
        elif curve == "hermite":
            basis = [
                s**2 * (1.0 + 2.0 * t),
                t * s**2,
                t**2 * (3.0 - 2.0 * t),
                -s * t**2,
            ]
        else:
            basis = [s**3, 3.0 * t * s**2, 3.0 * t**2 * s, t**3]
        basis = jnp.stack(basis, axis=-1)
        if weights is not None:
            basis = basis * weights
            basis = basis / jnp.sum(basis, axis=-1, keepdims=True)
        value = basis @ control
    if target is not None:
        error = jnp.sum((value - target) ** 2, axis=-1)
        if loss == "sum":
            return jnp.sum(error)
        elif loss == "max":
            return jnp.max(error)
        return jnp.mean(error)
    if output == "steps":
        return value, jnp.diff(value, axis=0)
    elif output == "length":
        steps = jnp.diff(value, axis=0)
        return jnp.sum(jnp.sqrt(jnp.sum(steps**2, axis=-1) + 1e-6))
    elif output == "curvature":
        return value[2:] - 2.0 * value[1:-1] + value[:-2]
    else:
        return value


@family(
    "compound",
    p="c n",
    q="c n",
    weights="? n in 0.2..1",
    mirrored={False: 3, True: 1},
    scaled={False: 3, True: 1},
    output={"rmsd": 3, "aligned": 3, "transform": 2, "residuals": 1},
    sizes={"c": (2, 3, 3), "n": (5, 6, 8, 10, 12)},
    weight=5,
    only="float32",
)
def kabsch(p, q, weights=None, *, mirrored=False, scaled=False, output="rmsd"):
    """Turns and moves points so that they come as near as possible to others.

    Args:
        p: The points that move, as columns.
        q: The points that stay.
        weights: How much each pair counts.
    """
    if weights is not None:
        shares = weights / jnp.sum(weights)
        p_mean, q_mean = p @ shares, q @ shares
    else:
        p_mean, q_mean = jnp.mean(p, axis=1), jnp.mean(q, axis=1)
    p0, q0 = p - p_mean[:, None], q - q_mean[:, None]
    if weights is not None:
        h = (q0 * shares) @ p0.T
    else:
        h = q0 @ p0.T / p.shape[1]
    u, s, vt = jnp.linalg.svd(h)
    if mirrored:
        rotation = u @ vt
    else:
        # A reflection is no rotation.
        flip = jnp.ones_like(s).at[-1].set(jnp.sign(jnp.linalg.det(u @ vt)))
        rotation = (u * flip) @ vt
    if output == "transform":
        return rotation, q_mean - rotation @ p_mean
    aligned = rotation @ p0
    if scaled:
        size = jnp.sum(s) if mirrored else s @ flip
        aligned = aligned * size / jnp.mean(jnp.sum(p0**2, axis=0))
    difference2 = jnp.sum((aligned - q0) ** 2, axis=0)
    if output == "aligned":
        return aligned + q_mean[:, None], jnp.sqrt(jnp.mean(difference2))
    if output == "residuals":
        return difference2
    if weights is not None:
        return jnp.sqrt(difference2 @ shares)
    return jnp.sqrt(jnp.mean(difference2))


@family(
    "compound",
    points="3 n",
    weights="? n in 0.2..1",
    query="? 3 m",
    values="? n",
    method={"eigh": 3, "solve": 3, "svd": 2},
    output={"normal": 2, "distances": 3, "thickness": 1, "projected": 2},
    sizes={"n": (5, 6, 8, 10, 12), "m": (4, 5, 6)},
    weight=5,
    only="float32",
)
def fit_plane(points, weights=None, query=None, values=None, *, method="eigh", output="distances"):
    """Fits a plane to points.

    Args:
        points: The points, as columns.
        weights: How much each of them counts.
        query: Other points, which are measured by the plane.
        values: Values at the points; their mean is returned, weighted by nearness to the plane.
    """
    if weights is not None:
        shares = weights / jnp.sum(weights)
        centroid = points @ shares
    else:
        centroid = jnp.mean(points, axis=1)
    centred = points - centroid[:, None]
    if weights is not None:
        covariance = (centred * shares) @ centred.T
    else:
        covariance = centred @ centred.T / points.shape[1]
    if method == "eigh":
        # The direction in which the points vary least.
        _, vectors = jnp.linalg.eigh(covariance)
        normal = vectors[:, 0] * jnp.sign(vectors[2, 0])
    elif method == "svd":
        _, _, vt = jnp.linalg.svd(covariance)
        normal = vt[-1] * jnp.sign(vt[-1, 2])
    else:
        # z as a linear function of x and y.
        slope = jnp.linalg.solve(covariance[:2, :2], covariance[:2, 2])
        normal = jnp.concatenate([-slope, jnp.ones(1)])
        normal = normal / jnp.linalg.norm(normal)
    distances = normal @ centred
    if values is not None:
        near = jnp.exp(-(distances**2))
        mean = near @ values / jnp.sum(near)
        if query is not None:
            return mean, normal @ (query - centroid[:, None])
        return mean
    if query is not None:
        distances = normal @ (query - centroid[:, None])
        if output == "projected":
            return query - normal[:, None] * distances
        return distances
    if output == "normal":
        return normal, centroid @ normal
    elif output == "thickness":
        return jnp.sqrt(jnp.mean(distances**2))
    elif output == "projected":
        return points - normal[:, None] * distances
    else:
        return jnp.abs(distances)


@family(
    "vector",
    a="n 3",
    b="m 3",
    a_normals="? n 3",
    b_normals="? m 3",
    weights="? n in 0.2..1",
    shift="? 3",
    kind={"hard": 3, "soft": 3, "hausdorff": 1, "energy": 2, "rbf": 1},
    symmetric={True: 2, False: 1},
    squared={True: 2, False: 1},
    per_point={False: 2, True: 1},
    sizes={"n": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
    only="float32",
)
def chamfer(
    a,
    b,
    a_normals=None,
    b_normals=None,
    weights=None,
    shift=None,
    *,
    kind="hard",
    symmetric=True,
    squared=True,
    per_point=False,
):
    """Distance between two clouds of points.

    Args:
        a: The first cloud.
        b: The second cloud.
        a_normals: Normals of the first cloud.
        b_normals: Normals of the second cloud.
        weights: How much each point of the first cloud counts.
        shift: How far the first cloud is moved before.
    """
    if shift is not None:
        a = a + shift
    cost = jnp.sum((a[:, None, :] - b[None, :, :]) ** 2, axis=-1)
    if a_normals is not None:
        if b_normals is not None:
            cost = cost + 0.1 * (1.0 - a_normals @ b_normals.T) ** 2
        else:
            # Along the normals, distances count more.
            cost = cost + 0.5 * jnp.einsum("nmc,nc->nm", a[:, None] - b[None], a_normals) ** 2
    elif b_normals is not None:
        cost = cost + 0.5 * jnp.einsum("nmc,mc->nm", a[:, None] - b[None], b_normals) ** 2
    if not squared:
        cost = jnp.sqrt(cost + 1e-6)
    if kind == "rbf":
        nearest = -jnp.mean(jnp.exp(-0.5 * cost), axis=1)
        back = -jnp.mean(jnp.exp(-0.5 * cost), axis=0)
    elif kind == "energy":
        nearest, back = jnp.mean(cost, axis=1), jnp.mean(cost, axis=0)
    elif kind == "soft":
        nearest = -0.2 * jax.nn.logsumexp(-cost / 0.2, axis=1)
        back = -0.2 * jax.nn.logsumexp(-cost / 0.2, axis=0)
    else:
        nearest, back = jnp.min(cost, axis=1), jnp.min(cost, axis=0)
    if weights is not None:
        nearest = weights * nearest
    if per_point:
        if symmetric:
            return nearest, back
        return nearest
    if kind == "hausdorff":
        if symmetric:
            return jnp.maximum(jnp.max(nearest), jnp.max(back))
        return jnp.max(nearest)
    if symmetric:
        return jnp.mean(nearest) + jnp.mean(back)
    return jnp.mean(nearest)


@family(
    "vector",
    positions="n 3",
    velocities="n 3",
    radii="n in 0.8..1.6",
    spins="? n 3",
    masses="? n in 0.5..2",
    law={"linear": 3, "hertz": 2, "soft": 1},
    friction={False: 2, True: 1},
    floor={None: 2, "plane": 1, "bowl": 1},
    gravity={False: 1, True: 1},
    output={"acceleration": 3, "step": 2, "energy": 1},
    sizes={"n": (3, 4, 5, 6, 8)},
)
def contact_forces(
    positions,
    velocities,
    radii,
    spins=None,
    masses=None,
    *,
    law="linear",
    friction=False,
    floor=None,
    gravity=False,
    output="acceleration",
):
    """Accelerations of balls that touch each other.

    Args:
        positions: Positions of the balls.
        velocities: Their velocities.
        radii: Their radii.
        spins: Their angular velocities, which the air turns into lift.
        masses: Their masses.
    """
    displacement = positions[:, None, :] - positions[None, :, :]
    distance = jnp.sqrt(jnp.sum(displacement**2, axis=-1) + 1e-2)
    direction = displacement / distance[..., None]
    overlap = radii[:, None] + radii[None, :] - distance
    if law == "hertz":
        strength = (jnp.maximum(overlap, 0.0) ** 2 + 1e-4) ** 0.75
    elif law == "soft":
        strength = jax.nn.softplus(4.0 * overlap) / 4.0
    else:
        strength = jnp.maximum(overlap, 0.0)
    relative = velocities[:, None, :] - velocities[None, :, :]
    approach = jnp.sum(relative * direction, axis=-1)
    push = 2.0 * strength - 0.3 * strength * approach
    # A ball doesn't touch itself.
    push = push * (1.0 - jnp.eye(positions.shape[0]))
    force = jnp.sum(push[..., None] * direction, axis=1)
    if friction:
        sliding = relative - approach[..., None] * direction
        force = force - 0.1 * jnp.sum(strength[..., None] * sliding, axis=1)
    if spins is not None:
        force = force + 0.1 * jnp.cross(spins, velocities)
    if floor == "plane":
        depth = jax.nn.relu(radii - positions[:, 2])
        force = force.at[:, 2].add(3.0 * depth)
    elif floor == "bowl":
        force = force - 0.2 * positions
    if masses is not None:
        acceleration = force / masses[:, None]
    else:
        acceleration = force / (radii**3)[:, None]
    if gravity:
        acceleration = acceleration - jnp.array([0.0, 0.0, 9.81], dtype=force.dtype)
    if output == "step":
        velocities = velocities + 0.05 * acceleration
        return positions + 0.05 * velocities, velocities
    elif output == "energy":
        stored = 0.5 * jnp.sum(strength**2)
        return acceleration, stored
    else:
        return acceleration


@family(
    "vector",
    points="n 3",
    centre="3 in -1..1",
    size="3 in 0.5..1.5",
    second="? 3",
    displacement="? n in -0.2..0.2",
    shape={"sphere": 2, "box": 3, "torus": 2, "ellipsoid": 2, "capsule": 1, "plane": 1},
    join={"union": 2, "smooth": 2, "intersection": 1, "difference": 1},
    symmetric={False: 3, True: 1},
    hollow={False: 3, True: 1},
    output={"distance": 3, "density": 1, "occupancy": 2},
)
def signed_distance(
    points,
    centre,
    size,
    second=None,
    displacement=None,
    *,
    shape="box",
    join="union",
    symmetric=False,
    hollow=False,
    output="distance",
):
    """Distances from points to the surface of a body; they are negative inside.

    Args:
        points: The points.
        centre: The centre of the body.
        size: Its sizes along the axes.
        second: The centre of a ball that is joined to the body.
        displacement: How far the surface is moved at each point.
    """
    p = points - centre
    if symmetric:
        # One body on either side.
        p = p.at[:, 0].set(jnp.abs(p[:, 0]) - 0.5)
    if shape == "sphere":
        distance = jnp.linalg.norm(p, axis=-1) - jnp.mean(size)
    elif shape == "torus":
        ring = jnp.sqrt(p[:, 0] ** 2 + p[:, 1] ** 2 + 1e-6) - size[0] - size[1]
        distance = jnp.sqrt(ring**2 + p[:, 2] ** 2) - 0.3 * size[2]
    elif shape == "ellipsoid":
        k0 = jnp.linalg.norm(p / size, axis=-1)
        k1 = jnp.linalg.norm(p / size**2, axis=-1)
        distance = k0 * (k0 - 1.0) / k1
    elif shape == "capsule":
        along = jnp.clip(p @ size / jnp.sum(size**2), 0.0, 1.0)
        distance = jnp.linalg.norm(p - along[:, None] * size, axis=-1) - 0.4
    elif shape == "plane":
        distance = p @ (size / jnp.linalg.norm(size)) - 0.5
    else:
        q = jnp.abs(p) - size
        outside = jnp.sqrt(jnp.sum(jnp.maximum(q, 0.0) ** 2, axis=-1) + 1e-6)
        distance = outside + jnp.minimum(jnp.max(q, axis=-1), 0.0)
    if displacement is not None:
        distance = distance + displacement
    if second is not None:
        ball = jnp.linalg.norm(points - second, axis=-1) - 1.0
        if join == "smooth":
            distance = -0.3 * jnp.logaddexp(-distance / 0.3, -ball / 0.3)
        elif join == "intersection":
            distance = jnp.maximum(distance, ball)
        elif join == "difference":
            distance = jnp.maximum(distance, -ball)
        else:
            distance = jnp.minimum(distance, ball)
    if hollow:
        distance = jnp.abs(distance) - 0.1
    if output == "density":
        return jnp.exp(-2.0 * jnp.abs(distance))
    elif output == "occupancy":
        return jax.nn.sigmoid(-4.0 * distance)
    else:
        return distance


@family(
    "vector",
    points="n 3",
    sources="m 3",
    moments="m 3",
    strengths="? m in 0.5..1.5",
    velocity="? n 3",
    uniform="? 3",
    law={"dipole": 3, "biot_savart": 3, "vortex": 2, "stokeslet": 1},
    core={0.1: 1, 0.3: 2, 0.5: 1},
    output={"field": 4, "magnitude": 1, "direction": 1, "mean": 1},
    sizes={"n": (4, 5, 6, 8), "m": (2, 4, 5, 6)},
)
def magnetic_field(
    points,
    sources,
    moments,
    strengths=None,
    velocity=None,
    uniform=None,
    *,
    law="dipole",
    core=0.3,
    output="field",
):
    """The field that sources make at points.

    Args:
        points: Where the field is wanted.
        sources: Where the sources are.
        moments: Direction and strength of each source.
        strengths: Factors of the sources.
        velocity: Velocities of charges at the points; the forces on them are returned then.
        uniform: A field that is there without the sources.
    """
    if strengths is not None:
        moments = strengths[:, None] * moments
    r = points[:, None, :] - sources[None, :, :]
    r2 = jnp.sum(r**2, axis=-1, keepdims=True) + core
    if law == "biot_savart":
        parts = jnp.cross(moments[None], r) * r2**-1.5
    elif law == "vortex":
        # The core spins like a solid.
        parts = jnp.cross(moments[None], r) * (1.0 - jnp.exp(-r2)) / r2
    elif law == "stokeslet":
        along = jnp.sum(moments * r, axis=-1, keepdims=True)
        parts = moments / jnp.sqrt(r2) + along * r * r2**-1.5
    else:
        along = jnp.sum(moments * r, axis=-1, keepdims=True)
        parts = 3.0 * along * r * r2**-2.5 - moments * r2**-1.5
    field = jnp.sum(parts, axis=1)
    if uniform is not None:
        field = field + uniform
    if velocity is not None:
        return jnp.cross(velocity, field)
    if output == "magnitude":
        return jnp.sqrt(jnp.sum(field**2, axis=-1) + 1e-6)
    elif output == "direction":
        return normalize(field)
    elif output == "mean":
        return jnp.mean(field, axis=0)
    else:
        return field
