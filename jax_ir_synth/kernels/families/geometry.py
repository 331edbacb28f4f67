"""Families: vectors in space, rotations, triangles, rays, light and rigid bodies."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
normalize: normalize 6, safe_normalize 1, _normalize 1
dot: dot 5, inner 1, rowwise_dot 1
points: points 6, pts 2
normals: normals 1
quaternion_multiply: quaternion_multiply 4, quat_mul 5, hamilton_product 1
quaternion_conjugate: quaternion_conjugate 3, quat_conj 4
quaternion_to_matrix: quaternion_to_matrix 3, quat_to_rotmat 3, quat_to_matrix 2
rotate_by_quaternion: rotate_by_quaternion 3, quat_rotate 5, apply_quaternion 1
quaternion_rotate: quaternion_rotate 3, quat_rotate 4
rodrigues: rodrigues 5, rotate_about_axis 4, axis_angle_rotate 3
cross_matrix: cross_matrix 2, skew 5, skew_symmetric 2, hat 2
rotation_vector_to_matrix: rotation_vector_to_matrix 2, exp_so3 3, so3_exp 2, rotvec_to_matrix 3
rotation_x: rotation_x 3, rot_x 4
rotation_y: rotation_y 3, rot_y 4
rotation_z: rotation_z 3, rot_z 4
look_at: look_at 6, look_at_matrix 2, view_matrix 2
view_points: view_points 2, to_camera_frame 4, world_to_camera 4
forward: forward 6, fwd 1, view_dir 1
face_normals: face_normals 5, triangle_normals 4
vertices: vertices 6, verts 4
faces: faces 6, triangles 3
barycentric: barycentric 4, barycentric_coordinates 4, barycentric_coords 2
interpolate_on_triangle: interpolate_on_triangle 3, barycentric_interpolate 4, interp_triangle 2
intersect_triangle: intersect_triangle 3, moller_trumbore 4, ray_triangle_intersect 4
intersect_sphere: intersect_sphere 3, ray_sphere_distance 3, ray_sphere 2
intersect_box: intersect_box 3, ray_aabb 3, slab_test 2
intersect_plane: intersect_plane 3, ray_plane_intersection 3
origins: origins 5, ray_origins 3
directions: directions 5, dirs 2
shade: shade 5, shade_points 3, phong_shading 2
light: light 4, light_pos 4, light_position 2
camera: camera 4, eye 4, view_pos 2
diffuse: diffuse 5, lambert 1
specular: specular 5, spec 3
shininess: shininess 5, exponent 1
reflect: reflect 6, mirror 1
refract: refract 5, refract_rays 2, snell 1
dihedral_energy: dihedral_energy 4, torsion_energy 4
bond_angle_energy: bond_angle_energy 4, angle_energy 4
inertia_tensor: inertia_tensor 5, moment_of_inertia 3, compute_inertia 2
masses: masses 6, mass 2, m 2
angular_momentum: angular_momentum 5, total_angular_momentum 3, compute_angular_momentum 2
velocities: velocities 5, vel 3
positions: positions 5, pos 3
rigid_body_step: rigid_body_step 5, step_rigid_body 3, integrate_rotation 2
omega: omega 5, angular_velocity 3, ang_vel 2
torque: torque 6, tau 2
boris: boris 4, boris_push 5, push_particles 2
project_points: project_points 5, project 4, camera_projection 2
cartesian_to_spherical: cartesian_to_spherical 4, to_spherical 3
bezier: bezier 4, bezier_curve 4, evaluate_bezier 3
control: control 3, control_points 6, ctrl 1
kabsch: kabsch 5, rigid_align 3, superpose 2
fit_plane: fit_plane 5, plane_fit 2, estimate_plane 3
chamfer: chamfer 3, chamfer_distance 6
contact_accelerations: contact_accelerations 4, collision_accelerations 3
centroid: centroid 5, center 3
rotation: rotation 4, R 3, rot 3
box_distance: box_distance 3, sdf_box 5
capsule_distance: capsule_distance 3, sdf_capsule 5
torus_distance: torus_distance 3, sdf_torus 5
spheres_distance: spheres_distance 2, scene_sdf 4, sdf_spheres 2
biot_savart: biot_savart 5, induced_field 2
transform_points: transform_points 5, rigid_transform 2, apply_transform 3
"""


def normalize(v, eps=1e-6):
    return v / jnp.sqrt(jnp.sum(v**2, axis=-1, keepdims=True) + eps)


def dot(a, b):
    return jnp.sum(a * b, axis=-1, keepdims=True)


def quaternion_multiply(p, q):
    """Hamilton product of quaternions (w, x, y, z)."""
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
    form=decided({"product": 2, "cross": 3, "matrix": 2}),
    inverse={False: 3, True: 1},
    scalar_last={False: 3, True: 1},
)
def rotate_by_quaternion(
    q, v, second=None, origin=None, *, form="cross", inverse=False, scalar_last=False
):
    """Rotates vectors by quaternions, which are normalized first.

    Args:
        q: Quaternions, shape (n, 4).
        v: Vectors, shape (n, 3).
        second: Quaternions of a second rotation, applied after the first.
        origin: Centre of the rotations.
    """
    if scalar_last:
        # From (x, y, z, w) to (w, x, y, z).
        q = jnp.roll(q, 1, axis=-1)
        if second is not None:
            second = jnp.roll(second, 1, axis=-1)
    if second is not None:
        q = quaternion_multiply(second, q)
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
        # q v q*, with v as a pure quaternion.
        pure = jnp.concatenate([jnp.zeros_like(v[..., :1]), v], axis=-1)
        rotated = quaternion_multiply(quaternion_multiply(q, pure), quaternion_conjugate(q))[
            ..., 1:
        ]
    if origin is not None:
        rotated = rotated + origin
    return rotated


def cross_matrix(v):
    """The skew-symmetric matrix [v]x, for which [v]x u = v x u."""
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
    form=decided({"rodrigues": 3, "matrix": 2, "cross": 2}),
    inverse={False: 4, True: 1},
)
def rodrigues(v, axis, angle=None, origin=None, *, form="rodrigues", inverse=False):
    """Rotates vectors about axes by Rodrigues' formula.

    Args:
        v: Vectors, shape (n, 3).
        axis: Rotation axes, shape (n, 3).
        angle: Rotation angles in radians, shape (n,).
        origin: A point that all axes go through.
    """
    if angle is None:
        # The length of the axis is the angle.
        theta = jnp.sqrt(jnp.sum(axis**2, axis=-1, keepdims=True) + 1e-6)
        k = axis / theta
    else:
        theta = angle[:, None]
        k = normalize(axis)
    if inverse:
        theta = -theta
    s, c = jnp.sin(theta), jnp.cos(theta)
    if origin is not None:
        v = v - origin
    if form == "matrix":
        skew = cross_matrix(k)
        eye = jnp.eye(3, dtype=v.dtype)
        matrix = eye + s[..., None] * skew + (1.0 - c)[..., None] * (skew @ skew)
        rotated = jnp.einsum("nij,nj->ni", matrix, v)
    elif form == "cross":
        turned = jnp.cross(k, v)
        rotated = v + s * turned + (1.0 - c) * jnp.cross(k, turned)
    else:
        rotated = c * v + s * jnp.cross(k, v) + (1.0 - c) * dot(k, v) * k
    if origin is not None:
        rotated = rotated + origin
    return rotated


@family(
    "vector",
    rotvec="n 3",
    angle="? n",
    form=decided({"skew": 3, "outer": 2, "quaternion": 2}),
    inverse={False: 3, True: 1},
    eps=(1e-6, 1e-8),
    only="float32",
)
def rotation_vector_to_matrix(rotvec, angle=None, *, form="skew", inverse=False, eps=1e-6):
    """Rotation matrices about the directions of vectors: the exponential map of SO(3).

    Args:
        rotvec: Rotation vectors, shape (n, 3).
        angle: Angles in radians, shape (n,), instead of the lengths of the vectors.
    """
    if inverse:
        rotvec = -rotvec
    length = jnp.sqrt(jnp.sum(rotvec**2, axis=-1) + eps)
    k = rotvec / length[:, None]
    theta = length if angle is None else angle
    if form == "quaternion":
        half = 0.5 * theta[:, None]
        return quaternion_to_matrix(jnp.concatenate([jnp.cos(half), jnp.sin(half) * k], axis=-1))
    s, c = jnp.sin(theta)[:, None, None], jnp.cos(theta)[:, None, None]
    skew = cross_matrix(k)
    eye = jnp.eye(3, dtype=rotvec.dtype)
    if form == "outer":
        return c * eye + s * skew + (1.0 - c) * k[:, :, None] * k[:, None, :]
    else:
        return eye + s * skew + (1.0 - c) * (skew @ skew)


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
    form=decided({"matmul": 3, "einsum": 1}),
    only="float32",
)
def transform_points(
    points, angles, translation=None, scale=None, pivot=None, *, order="zyx", form="matmul"
):
    """Rotates points by Euler angles.

    Args:
        points: Points, shape (n, 3).
        angles: Three Euler angles in radians.
        translation: A shift after the rotation.
        scale: Factors along the axes, before the rotation.
        pivot: Centre of the rotation.
    """
    a, b, c = angles[0], angles[1], angles[2]
    if order == "zyx":
        # Yaw, pitch and roll.
        rotation = rotation_z(a) @ rotation_y(b) @ rotation_x(c)
    elif order == "xyz":
        rotation = rotation_x(a) @ rotation_y(b) @ rotation_z(c)
    elif order == "zxz":
        rotation = rotation_z(a) @ rotation_x(b) @ rotation_z(c)
    elif order == "yxz":
        rotation = rotation_y(a) @ rotation_x(b) @ rotation_z(c)
    else:
        rotation = rotation_z(a) @ rotation_y(b) @ rotation_z(c)
    if scale is not None:
        points = points * scale
    if pivot is not None:
        points = points - pivot
    if form == "einsum":
        points = jnp.einsum("ij,nj->ni", rotation, points)
    else:
        points = points @ rotation.T
    if pivot is not None:
        points = points + pivot
    if translation is not None:
        points = points + translation
    return points


@family(
    "vector",
    points="n 3",
    eye="3 in 2.5..4",
    target="3 in -1..1",
    up="? 3 in 0.5..1",
    convention={"opengl": 3, "opencv": 2, "directx": 1},
    up_axis={"z": 2, "y": 2},
    form=decided({"stack": 3, "dots": 1}),
)
def view_points(points, eye, target, up=None, *, convention="opengl", up_axis="y", form="stack"):
    """Coordinates of points in the frame of a camera that looks at a target.

    Args:
        points: Points in world coordinates, shape (n, 3).
        eye: Position of the camera.
        target: The point that the camera looks at.
        up: The up direction.
    """
    if up is None:
        if up_axis == "z":
            up = jnp.array([0.0, 0.0, 1.0], dtype=eye.dtype)
        else:
            up = jnp.array([0.0, 1.0, 0.0], dtype=eye.dtype)
    forward = normalize(target - eye)
    right = normalize(jnp.cross(forward, up))
    true_up = jnp.cross(right, forward)
    offset = points - eye
    if form == "dots":
        x, y, z = offset @ right, offset @ true_up, offset @ forward
        if convention == "opengl":
            # The camera looks along -z.
            z = -z
        elif convention == "opencv":
            # y points down.
            y = -y
        return jnp.stack([x, y, z], axis=-1)
    if convention == "opengl":
        # The camera looks along -z.
        axes = jnp.stack([right, true_up, -forward])
    elif convention == "opencv":
        # y points down.
        axes = jnp.stack([right, -true_up, forward])
    else:
        axes = jnp.stack([right, true_up, forward])
    return offset @ axes.T


@family(
    "vector",
    points="n 3 in 1..3",
    fov="in 0.7..1.4",
    aspect="? in 0.8..1.6",
    near=(0.1, 0.5),
    far=(10.0, 100.0),
    depth_range={"gl": 2, "vulkan": 2, "reversed": 1},
    form=decided({"matrix": 2, "direct": 2}),
    flip_y={False: 3, True: 1},
)
def perspective_project(
    points, fov, aspect=None, *, near=0.1, far=100.0, depth_range="gl", form="matrix", flip_y=False
):
    """Normalized device coordinates of points by a perspective projection.

    Args:
        points: Points in the camera frame with positive depth z, shape (n, 3).
        fov: Vertical field of view in radians.
        aspect: Width of the image over its height.
    """
    fy = 1.0 / jnp.tan(0.5 * fov)
    if aspect is None:
        fx = fy
    else:
        fx = fy / aspect
    if flip_y:
        fy = -fy
    if depth_range == "gl":
        # Depths from -1 to 1.
        c, d = (far + near) / (far - near), -2.0 * far * near / (far - near)
    elif depth_range == "reversed":
        # Depths from 1 at the near plane to 0.
        c, d = -near / (far - near), far * near / (far - near)
    else:
        # Depths from 0 to 1.
        c, d = far / (far - near), -far * near / (far - near)
    if form == "matrix":
        matrix = jnp.array(
            [[fx, 0.0, 0.0, 0.0], [0.0, fy, 0.0, 0.0], [0.0, 0.0, c, d], [0.0, 0.0, 1.0, 0.0]]
        )
        homogeneous = jnp.concatenate([points, jnp.ones_like(points[:, :1])], axis=-1)
        clip = homogeneous @ matrix.T
        return clip[:, :3] / clip[:, 3:]
    else:
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        return jnp.stack([fx * x / z, fy * y / z, c + d / z], axis=-1)


# ---------------------------------------------------------------- triangles


def gather_corners(vertices, faces):
    return vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]


def take_corners(vertices, faces):
    corners = jnp.take(vertices, faces, axis=0)
    return corners[:, 0], corners[:, 1], corners[:, 2]


@family(
    "vector",
    vertices="k 3",
    faces="m 3 int k",
    displacement="? k 3 in -0.3..0.3",
    corners=(Code("gather_corners"), Code("take_corners")),
    unit={True: 3, False: 1},
    reference=decided({"a": 3, "b": 1}),
    clockwise={False: 3, True: 1},
    sizes={"k": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
    only="float32",
)
def face_normals(
    vertices, faces, displacement=None, *, corners=None, unit=True, reference="a", clockwise=False
):
    """Normals of the triangles of a mesh.

    Args:
        vertices: Vertex positions, shape (k, 3).
        faces: Vertex indices of each triangle, shape (m, 3).
        displacement: Displacements of the vertices, shape (k, 3).
    """
    if displacement is not None:
        vertices = vertices + displacement
    a, b, c = corners(vertices, faces)
    if reference == "b":
        e1, e2 = c - b, a - b
    else:
        e1, e2 = b - a, c - a
    if clockwise:
        normals = jnp.cross(e2, e1)
    else:
        normals = jnp.cross(e1, e2)
    if unit:
        normals = normalize(normals, eps=1e-3)
    return normals


@family(
    "vector",
    vertices="k 3",
    faces="m 3 int k",
    corners=(Code("gather_corners"), Code("take_corners")),
    weighting={"area": 3, "uniform": 2, "angle": 1},
    scatter=decided({"at": 2, "segment": 2, "loop": 1}),
    sizes={"k": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
    only="float32",
)
def vertex_normals(vertices, faces, *, corners=None, weighting="area", scatter="at"):
    """Unit normals at the vertices of a mesh, averaged over the adjacent triangles.

    Args:
        vertices: Vertex positions, shape (k, 3).
        faces: Vertex indices of each triangle, shape (m, 3).
    """
    a, b, c = corners(vertices, faces)
    normals = jnp.cross(b - a, c - a)
    if weighting == "uniform":
        normals = normalize(normals, eps=1e-3)
        shares = jnp.stack([normals, normals, normals], axis=1)
    elif weighting == "angle":
        # Each corner counts as its angle.
        normals = normalize(normals, eps=1e-3)
        sides = [normalize(b - a), normalize(c - b), normalize(a - c)]
        cosines = [-dot(sides[i], sides[i - 1]) for i in range(3)]
        shares = jnp.stack([jnp.arccos(0.99 * cosine) * normals for cosine in cosines], axis=1)
    else:
        # The cross product is twice the area long.
        shares = jnp.stack([normals, normals, normals], axis=1)
    if scatter == "segment":
        total = jax.ops.segment_sum(
            shares.reshape(-1, 3), faces.reshape(-1), num_segments=vertices.shape[0]
        )
    elif scatter == "loop":
        total = jnp.zeros_like(vertices)
        for i in range(3):
            total = total.at[faces[:, i]].add(shares[:, i])
    else:
        total = jnp.zeros_like(vertices).at[faces].add(shares)
    return normalize(total, eps=1e-3)


@family(
    "vector",
    vertices="k 3",
    faces="m 3 int k",
    scale="? 3 in 0.5..2",
    displacement="? k 3 in -0.3..0.3",
    corners=(Code("gather_corners"), Code("take_corners")),
    form={"cross": 3, "gram": 2, "heron": 1},
    sizes={"k": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
    only="float32",
)
def surface_area(vertices, faces, scale=None, displacement=None, *, corners=None, form="cross"):
    """Area of a mesh of triangles.

    Args:
        vertices: Vertex positions, shape (k, 3).
        faces: Vertex indices of each triangle, shape (m, 3).
        scale: Scale of the mesh along each axis.
        displacement: Displacements of the vertices, shape (k, 3).
    """
    if displacement is not None:
        vertices = vertices + displacement
    if scale is not None:
        vertices = vertices * scale
    a, b, c = corners(vertices, faces)
    if form == "gram":
        e1, e2 = b - a, c - a
        g11, g22 = jnp.sum(e1**2, axis=-1), jnp.sum(e2**2, axis=-1)
        g12 = jnp.sum(e1 * e2, axis=-1)
        areas = 0.5 * jnp.sqrt(jnp.maximum(g11 * g22 - g12**2, 1e-4))
    elif form == "heron":
        # Heron's formula in the squares of the sides.
        x = jnp.sum((b - a) ** 2, axis=-1)
        y = jnp.sum((c - b) ** 2, axis=-1)
        z = jnp.sum((a - c) ** 2, axis=-1)
        areas = 0.25 * jnp.sqrt(jnp.maximum(4.0 * x * y - (x + y - z) ** 2, 1e-3))
    else:
        normals = jnp.cross(b - a, c - a)
        areas = 0.5 * jnp.sqrt(jnp.sum(normals**2, axis=-1) + 1e-6)
    return jnp.sum(areas)


@family(
    "vector",
    vertices="k 3",
    faces="m 3 int k",
    centre="? 3",
    scale="? 3 in 0.5..2",
    corners=(Code("gather_corners"), Code("take_corners")),
    form={"triple": 3, "divergence": 2, "einsum": 1},
    signed={True: 3, False: 1},
    sizes={"k": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
    only="float32",
)
def mesh_volume(
    vertices, faces, centre=None, scale=None, *, corners=None, form="triple", signed=True
):
    """Volume inside a closed mesh of triangles.

    Args:
        vertices: Vertex positions, shape (k, 3).
        faces: Vertex indices of each triangle, shape (m, 3).
        centre: The apex of the tetrahedra that are summed.
        scale: Scale of the mesh along each axis.
    """
    if centre is not None:
        vertices = vertices - centre
    if scale is not None:
        vertices = vertices * scale
    a, b, c = corners(vertices, faces)
    if form == "divergence":
        # The flux of x / 3 through the triangles.
        area_normals = 0.5 * jnp.cross(b - a, c - a)
        centroids = (a + b + c) / 3.0
        volume = jnp.sum(centroids * area_normals) / 3.0
    elif form == "einsum":
        volume = jnp.einsum("ni,ni->", a, jnp.cross(b, c)) / 6.0
    else:
        volume = jnp.sum(a * jnp.cross(b, c)) / 6.0
    if not signed:
        # Its sign depends on the orientation of the triangles.
        volume = jnp.abs(volume)
    return volume


@family(
    "vector",
    vertices="k 3",
    faces="m 3 int k",
    pinned="? k bool",
    rate=(0.3, 0.5),
    steps={2: 1, 3: 1, 5: 1},
    taubin={False: 3, True: 1},
    scatter=decided({"at": 2, "segment": 1}),
    sizes={"k": (5, 6, 8, 10), "m": (4, 5, 6, 8)},
    only="float32",
)
def laplacian_smoothing(
    vertices, faces, pinned=None, *, rate=0.5, steps=2, taubin=False, scatter="at"
):
    """Laplacian smoothing of a mesh with uniform weights.

    Args:
        vertices: Vertex positions, shape (k, 3).
        faces: Vertex indices of each triangle, shape (m, 3).
        pinned: The vertices that stay, shape (k,).
    """
    # Both ends of each edge, in both directions.
    heads = jnp.concatenate([faces, jnp.roll(faces, 1, axis=1)], axis=1).reshape(-1)
    tails = jnp.concatenate([jnp.roll(faces, 1, axis=1), faces], axis=1).reshape(-1)

    def move(vertices, factor):
        edges = vertices[tails] - vertices[heads]
        if scatter == "segment":
            k = vertices.shape[0]
            total = jax.ops.segment_sum(edges, heads, num_segments=k)
            degree = jax.ops.segment_sum(jnp.ones_like(edges[:, 0]), heads, num_segments=k)
        else:
            total = jnp.zeros_like(vertices).at[heads].add(edges)
            degree = jnp.zeros_like(vertices[:, 0]).at[heads].add(1.0)
        change = factor * total / jnp.maximum(degree, 1.0)[:, None]
        if pinned is not None:
            change = jnp.where(pinned[:, None], 0.0, change)
        return vertices + change

    for _ in range(steps):
        vertices = move(vertices, rate)
        if taubin:
            # Taubin's second step, which undoes the shrinking.
            vertices = move(vertices, -1.06 * rate)
    return vertices


@family(
    "vector",
    points="n 3",
    a="3",
    b="3",
    c="3",
    values="3 m",
    form=decided({"gram": 3, "areas": 2, "solve": 1}),
    clamped={False: 3, True: 1},
    sizes={"m": (2, 3, 4)},
    only="float32",
)
def interpolate_on_triangle(points, a, b, c, values, *, form="gram", clamped=False):
    """Barycentric interpolation of values at the corners of a triangle.

    Args:
        points: Points, which are projected to the plane of the triangle, shape (n, 3).
        a: The first corner.
        b: The second corner.
        c: The third corner.
        values: Values at the corners, one corner in each row.
    """
    e1, e2 = b - a, c - a
    p = points - a
    if form == "areas":
        normal = jnp.cross(e1, e2)
        scale = jnp.sum(normal**2) + 1e-2
        v = jnp.cross(p, e2) @ normal / scale
        w = jnp.cross(e1, p) @ normal / scale
    elif form == "solve":
        edges = jnp.stack([e1, e2], axis=-1)
        gram = edges.T @ edges + 1e-2 * jnp.eye(2)
        solution = jnp.linalg.solve(gram, edges.T @ p.T)
        v, w = solution[0], solution[1]
    else:
        d11, d12, d22 = e1 @ e1, e1 @ e2, e2 @ e2
        p1, p2 = p @ e1, p @ e2
        scale = d11 * d22 - d12**2 + 1e-2
        v = (d22 * p1 - d12 * p2) / scale
        w = (d11 * p2 - d12 * p1) / scale
    weights = jnp.stack([1.0 - v - w, v, w], axis=-1)
    if clamped:
        # Outside the triangle, weights are clipped and add up to one again.
        weights = jnp.clip(weights, 0.0, 1.0)
        weights = weights / jnp.sum(weights, axis=-1, keepdims=True)
    return weights @ values


# ---------------------------------------------------------------- rays and light


@family(
    "vector",
    origins="n 3 in -0.5..0.5",
    directions="n 3 in 0.5..1.5",
    centre="3 in 2..3",
    radius="in 1..2",
    normalized={True: 3, False: 1},
    far=(10.0, 100.0),
    root={"near": 4, "far": 1},
    safe=decided((True, False)),
    only="float32",
)
def intersect_sphere(
    origins, directions, centre, radius, *, normalized=True, far=100.0, root="near", safe=True
):
    """Distances along rays to a sphere; rays that miss it get a large constant.

    Args:
        origins: Origins of the rays, shape (n, 3).
        directions: Directions of the rays, shape (n, 3).
        centre: Centre of the sphere.
        radius: Radius of the sphere.
    """
    offset = origins - centre
    if normalized:
        directions = normalize(directions)
        half_b = jnp.sum(offset * directions, axis=-1)
        discriminant = half_b**2 - (jnp.sum(offset**2, axis=-1) - radius**2)
    else:
        a = jnp.sum(directions**2, axis=-1)
        half_b = jnp.sum(offset * directions, axis=-1)
        discriminant = half_b**2 - a * (jnp.sum(offset**2, axis=-1) - radius**2)
    hit = discriminant > 0.0
    if safe:
        # The root of a negative number would spoil the gradients.
        sqrt_disc = jnp.sqrt(jnp.where(hit, discriminant, 1.0))
    else:
        sqrt_disc = jnp.sqrt(jnp.maximum(discriminant, 1e-4))
    t = -half_b + sqrt_disc if root == "far" else -half_b - sqrt_disc
    if not normalized:
        t = t / a
    return jnp.where(hit, t, far)


@family(
    "vector",
    origins="n 3 in -1..1",
    directions="n 3 in 0.5..1.5",
    normal="3 in 0.5..1.5",
    point="3 in 1..3",
    offset="? in 0.5..1",
    unit={False: 2, True: 1},
    form=decided({"matmul": 2, "sum": 1}),
    behind={"keep": 3, "clip": 1},
)
def intersect_plane(
    origins, directions, normal, point, offset=None, *, unit=False, form="matmul", behind="keep"
):
    """Points where rays meet a plane that isn't parallel to them.

    Args:
        origins: Origins of the rays, shape (n, 3).
        directions: Directions of the rays, shape (n, 3).
        normal: Normal of the plane.
        point: A point on the plane.
        offset: How far the plane is shifted along its normal.
    """
    if unit:
        normal = normal / jnp.linalg.norm(normal)
    if form == "sum":
        along = jnp.sum(directions * normal, axis=-1)
        height = jnp.sum(origins * normal, axis=-1)
    else:
        along, height = directions @ normal, origins @ normal
    target = point @ normal
    if offset is not None:
        target = target + offset
    t = (target - height) / along
    if behind == "clip":
        # A ray that leaves the plane behind stays at its origin.
        t = jnp.maximum(t, 0.0)
    return origins + t[:, None] * directions


@family(
    "vector",
    origins="n 3 in -0.5..0.5",
    directions="n 3 in 0.5..1.5",
    low="3 in 1..1.5",
    high="3 in 2.5..4",
    form=decided({"inverse": 3, "divide": 1}),
    normalized={False: 3, True: 1},
    clamped={False: 3, True: 1},
    stacked={False: 3, True: 1},
    only="float32",
)
def intersect_box(
    origins,
    directions,
    low,
    high,
    *,
    form="inverse",
    normalized=False,
    clamped=False,
    stacked=False,
):
    """Slab method: distances where rays enter and leave an axis-aligned box.

    A ray misses the box if it would leave it before it enters.

    Args:
        origins: Origins of the rays, shape (n, 3).
        directions: Directions of the rays, none of them parallel to a side, shape (n, 3).
        low: The least corner of the box.
        high: The greatest corner of the box.
    """
    if normalized:
        directions = normalize(directions)
    if form == "inverse":
        inverse = 1.0 / directions
        t1 = (low - origins) * inverse
        t2 = (high - origins) * inverse
    else:
        t1 = (low - origins) / directions
        t2 = (high - origins) / directions
    t_near = jnp.max(jnp.minimum(t1, t2), axis=-1)
    t_far = jnp.min(jnp.maximum(t1, t2), axis=-1)
    if clamped:
        # A ray that starts inside enters at once.
        t_near = jnp.maximum(t_near, 0.0)
    if stacked:
        return jnp.stack([t_near, t_far], axis=-1)
    return t_near, t_far


@family(
    "vector",
    origins="n 3 in -0.5..0.5",
    directions="n 3 in 0.5..1.5",
    a="3 in 1..3",
    b="3 in 1..3",
    c="3 in 1..3",
    culled={False: 3, True: 1},
    eps=(1e-2, 2e-2),
    stacked={False: 3, True: 1},
    form=decided({"matmul": 2, "sum": 1}),
    only="float32",
)
def intersect_triangle(
    origins, directions, a, b, c, *, culled=False, eps=1e-2, stacked=False, form="matmul"
):
    """Möller-Trumbore intersection of rays with the plane of a triangle.

    Args:
        origins: Origins of the rays, shape (n, 3).
        directions: Directions of the rays, shape (n, 3).
        a: The first corner.
        b: The second corner.
        c: The third corner.

    Returns:
        The distances t and the barycentric coordinates u and v; a ray hits the triangle if u, v and
        1 - u - v are positive.
    """
    e1, e2 = b - a, c - a
    pvec = jnp.cross(directions, e2)
    tvec = origins - a
    qvec = jnp.cross(tvec, e1)
    if form == "sum":
        det = jnp.sum(pvec * e1, axis=-1)
        t = jnp.sum(qvec * e2, axis=-1)
    else:
        det = pvec @ e1
        t = qvec @ e2
    # Rays along the plane would divide by zero.
    if culled:
        # The back of the triangle isn't seen.
        det = jnp.maximum(det, eps)
    else:
        det = jnp.where(jnp.abs(det) < eps, eps, det)
    u = jnp.sum(tvec * pvec, axis=-1) / det
    v = jnp.sum(directions * qvec, axis=-1) / det
    t = t / det
    if stacked:
        return jnp.stack([t, u, v], axis=-1)
    return t, u, v


def reflect(d, n):
    """Mirrors directions at surfaces with unit normals n."""
    return d - 2.0 * dot(d, n) * n


@family(
    "vector",
    points="n 3",
    normals="n 3",
    light="3 in 2.5..4",
    camera="3 in -4..-2.5",
    albedo="? n 3 in 0.2..1",
    light_color="? 3 in 0.5..1",
    model={"phong": 3, "blinn": 3},
    wrap={"lambert": 4, "half_lambert": 1},
    attenuation={None: 3, "inverse_square": 2, "linear": 1},
    shininess=(8, 16, 32),
    ambient=(0.1, 0.2),
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
    wrap="lambert",
    attenuation=None,
    shininess=16,
    ambient=0.1,
):
    """Shades points in the light of a point lamp: ambient, diffuse and specular light.

    Args:
        points: Points of a surface, shape (n, 3).
        normals: Normals of the surface there, shape (n, 3).
        light: Position of the lamp.
        camera: Position of the camera.
        albedo: Colours of the points, shape (n, 3).
        light_color: Colour of the lamp.
    """
    n = normalize(normals)
    to_light = light - points
    light_dir = normalize(to_light)
    view_dir = normalize(camera - points)
    n_dot_l = dot(n, light_dir)
    if wrap == "half_lambert":
        diffuse = (0.5 + 0.5 * n_dot_l) ** 2
    else:
        diffuse = jax.nn.relu(n_dot_l)
    if model == "blinn":
        half = normalize(light_dir + view_dir)
        specular = jax.nn.relu(dot(n, half)) ** shininess
    else:
        specular = jax.nn.relu(dot(reflect(-light_dir, n), view_dir)) ** shininess
    if attenuation == "inverse_square":
        falloff = 10.0 / (1.0 + jnp.sum(to_light**2, axis=-1, keepdims=True))
        diffuse, specular = falloff * diffuse, falloff * specular
    elif attenuation == "linear":
        falloff = 1.0 / (1.0 + 0.1 * jnp.linalg.norm(to_light, axis=-1, keepdims=True))
        diffuse, specular = falloff * diffuse, falloff * specular
    if light_color is not None:
        diffuse, specular = light_color * diffuse, light_color * specular
    if albedo is not None:
        return (ambient + diffuse) * albedo + 0.5 * specular
    else:
        return ambient + 0.9 * diffuse + 0.5 * specular


@family(
    "vector",
    "elementwise",
    n_dot_l="n in 0.1..0.95",
    n_dot_v="n in 0.1..0.95",
    n_dot_h="n in 0.5..0.95",
    v_dot_h="n in 0.3..0.95",
    roughness="n in 0.3..0.9",
    f0="? n in 0.03..0.9",
    distribution={"ggx": 3, "beckmann": 1, "blinn_phong": 1},
    geometry={"schlick": 2, "smith": 2, "cook_torrance": 1},
    squared={True: 2, False: 1},
)
def cook_torrance(
    n_dot_l,
    n_dot_v,
    n_dot_h,
    v_dot_h,
    roughness,
    f0=None,
    *,
    distribution="ggx",
    geometry="schlick",
    squared=True,
):
    """The specular microfacet BRDF of Cook and Torrance.

    Args:
        n_dot_l: Cosines between the normals and the light.
        n_dot_v: Cosines between the normals and the view direction.
        n_dot_h: Cosines between the normals and the half vectors.
        v_dot_h: Cosines between the view direction and the half vectors.
        roughness: Roughness of the surface from 0 to 1.
        f0: Reflectance at normal incidence.
    """
    if squared:
        # Roughness as artists perceive it.
        alpha = roughness**2
    else:
        alpha = roughness
    a2 = alpha**2
    h2 = n_dot_h**2
    if distribution == "beckmann":
        d = jnp.exp((h2 - 1.0) / (a2 * h2)) / (jnp.pi * a2 * h2**2)
    elif distribution == "blinn_phong":
        d = n_dot_h ** (2.0 / a2 - 2.0) / (jnp.pi * a2)
    else:
        d = a2 / (jnp.pi * (h2 * (a2 - 1.0) + 1.0) ** 2)
    if geometry == "cook_torrance":
        g = jnp.minimum(1.0, 2.0 * n_dot_h * jnp.minimum(n_dot_v, n_dot_l) / v_dot_h)
    elif geometry == "smith":
        g_v = 2.0 * n_dot_v / (n_dot_v + jnp.sqrt(a2 + (1.0 - a2) * n_dot_v**2))
        g_l = 2.0 * n_dot_l / (n_dot_l + jnp.sqrt(a2 + (1.0 - a2) * n_dot_l**2))
        g = g_v * g_l
    else:
        k = (roughness + 1.0) ** 2 / 8.0
        g = n_dot_v / (n_dot_v * (1.0 - k) + k) * n_dot_l / (n_dot_l * (1.0 - k) + k)
    # Schlick's approximation of the Fresnel term.
    if f0 is not None:
        f = f0 + (1.0 - f0) * (1.0 - v_dot_h) ** 5
    else:
        f = 0.04 + 0.96 * (1.0 - v_dot_h) ** 5
    return d * f * g / (4.0 * n_dot_l * n_dot_v)


@family(
    "vector",
    directions="n 3",
    normals="n 3",
    eta="? n in 0.5..0.95",
    facing={True: 2, False: 1},
    total={"clamp": 2, "reflect": 2},
    air_to={"glass": 2, "water": 1},
    only="float32",
)
def refract(directions, normals, eta=None, *, facing=True, total="clamp", air_to="glass"):
    """Directions of refracted rays by Snell's law.

    Args:
        directions: Directions of the incident rays, shape (n, 3).
        normals: Surface normals, shape (n, 3).
        eta: Ratios of the refractive indices, shape (n,).
    """
    d = normalize(directions)
    n = normalize(normals)
    cos_i = -dot(d, n)
    if facing:
        # Turn the normals against the rays.
        n = jnp.where(cos_i < 0.0, -n, n)
        cos_i = jnp.abs(cos_i)
    if eta is not None:
        ratio = eta[:, None]
    elif air_to == "water":
        ratio = 1.0 / 1.33
    else:
        # From air to glass.
        ratio = 1.0 / 1.5
    k = 1.0 - ratio**2 * (1.0 - cos_i**2)
    cos_t = jnp.sqrt(jnp.maximum(k, 1e-4))
    bent = ratio * d + (ratio * cos_i - cos_t) * n
    if total == "reflect":
        # Total internal reflection.
        bent = jnp.where(k > 0.0, bent, d + 2.0 * cos_i * n)
    return bent


@family(
    "vector",
    "elementwise",
    cos_i="n in 0.1..0.95",
    eta="n in 0.5..0.9",
    form={"exact": 3, "schlick": 2},
    polarization={"none": 3, "s": 1, "p": 1},
    index={"ratio": 2, "indices": 2},
)
def fresnel_reflectance(cos_i, eta, *, form="exact", polarization="none", index="ratio"):
    """Share of the light that the surface of a denser dielectric reflects.

    Args:
        cos_i: Cosines of the angles of incidence.
        eta: Ratio of the refractive indices outside and inside, below 1.
    """
    if form == "schlick":
        r0 = ((1.0 - eta) / (1.0 + eta)) ** 2
        return r0 + (1.0 - r0) * (1.0 - cos_i) ** 5
    # Snell's law.
    sin2_t = eta**2 * (1.0 - cos_i**2)
    cos_t = jnp.sqrt(1.0 - sin2_t)
    if index == "indices":
        n = 1.0 / eta
        r_s = (cos_i - n * cos_t) / (cos_i + n * cos_t)
        r_p = (n * cos_i - cos_t) / (n * cos_i + cos_t)
    else:
        r_s = (eta * cos_i - cos_t) / (eta * cos_i + cos_t)
        r_p = (cos_i - eta * cos_t) / (cos_i + eta * cos_t)
    if polarization == "s":
        return r_s**2
    elif polarization == "p":
        return r_p**2
    else:
        return 0.5 * (r_s**2 + r_p**2)


# ---------------------------------------------------------------- molecules


@family(
    "vector",
    a="n 3",
    b="n 3",
    c="n 3",
    k="? n in 0.5..2",
    theta0="? n in 1.5..2.2",
    form={"harmonic": 3, "cosine": 2, "urey_bradley": 1},
    angle=decided({"atan2": 2, "arccos": 2}),
    reduction={"sum": 3, None: 2, "mean": 1},
    only="float32",
)
def bond_angle_energy(
    a, b, c, k=None, theta0=None, *, form="harmonic", angle="atan2", reduction="sum"
):
    """Energy of the angles between two bonds of a molecule.

    Args:
        a: Positions of the first atoms, shape (n, 3).
        b: Positions of the atoms in the middle, shape (n, 3).
        c: Positions of the third atoms, shape (n, 3).
        k: Force constants, shape (n,).
        theta0: Equilibrium angles in radians, shape (n,).
    """
    u, w = a - b, c - b
    if angle == "arccos":
        cosine = jnp.sum(normalize(u) * normalize(w), axis=-1)
        theta = jnp.arccos(jnp.clip(cosine, -0.999, 0.999))
    else:
        sine = jnp.sqrt(jnp.sum(jnp.cross(u, w) ** 2, axis=-1) + 1e-4)
        theta = jnp.arctan2(sine, jnp.sum(u * w, axis=-1))
    if theta0 is None:
        # The tetrahedral angle.
        theta0 = 1.911
    if form == "cosine":
        energy = 0.5 * (jnp.cos(theta) - jnp.cos(theta0)) ** 2
    elif form == "urey_bradley":
        # A spring between the outer atoms as well.
        energy = 0.5 * (theta - theta0) ** 2 + 0.5 * (jnp.linalg.norm(c - a, axis=-1) - 1.6) ** 2
    else:
        energy = 0.5 * (theta - theta0) ** 2
    if k is not None:
        energy = k * energy
    if reduction == "sum":
        return jnp.sum(energy)
    elif reduction == "mean":
        return jnp.mean(energy)
    else:
        return energy


@family(
    "vector",
    a="n 3",
    b="n 3",
    c="n 3",
    d="n 3",
    k="? n in 0.5..2",
    phase="? n in -0.5..0.5",
    form={"periodic": 3, "ryckaert_bellemans": 1, "improper": 1},
    periodicity={1: 1, 2: 2, 3: 3},
    angle=decided({"cross": 2, "planes": 2}),
    reduction={"sum": 3, None: 2, "mean": 1},
    only="float32",
)
def dihedral_energy(
    a,
    b,
    c,
    d,
    k=None,
    phase=None,
    *,
    form="periodic",
    periodicity=3,
    angle="planes",
    reduction="sum",
):
    """Energy of the dihedral angles of chains of four atoms.

    Args:
        a: Positions of the first atoms, shape (n, 3).
        b: Positions of the second atoms, shape (n, 3).
        c: Positions of the third atoms, shape (n, 3).
        d: Positions of the fourth atoms, shape (n, 3).
        k: Force constants, shape (n,).
        phase: Phases that are subtracted from the angles, in radians, shape (n,).
    """
    b1, b2, b3 = b - a, c - b, d - c
    n1 = jnp.cross(b1, b2)
    n2 = jnp.cross(b2, b3)
    x = jnp.sum(n1 * n2, axis=-1)
    if angle == "cross":
        y = jnp.sum(jnp.cross(n1, n2) * normalize(b2), axis=-1)
    else:
        y = jnp.linalg.norm(b2, axis=-1) * jnp.sum(b1 * n2, axis=-1)
    phi = jnp.arctan2(y, x)
    if phase is not None:
        phi = phi - phase
    if form == "improper":
        energy = 0.5 * phi**2
    elif form == "ryckaert_bellemans":
        # A polynomial of the cosine, with the coefficients of butane.
        psi = jnp.cos(phi - jnp.pi)
        energy = 9.28 + 12.16 * psi - 13.12 * psi**2 - 3.06 * psi**3
        energy = energy + 26.24 * psi**4 - 31.5 * psi**5
    else:
        energy = 1.0 + jnp.cos(periodicity * phi)
    if k is not None:
        energy = k * energy
    if reduction == "sum":
        return jnp.sum(energy)
    elif reduction == "mean":
        return jnp.mean(energy)
    else:
        return energy


# ---------------------------------------------------------------- rigid bodies and particles


@family(
    "vector",
    positions="n 3",
    masses="n in 0.5..2",
    radii="? n in 0.2..1",
    pivot="? 3",
    about={"centre": 3, "origin": 1},
    form=decided({"outer": 3, "einsum": 2, "components": 1}),
)
def inertia_tensor(positions, masses, radii=None, pivot=None, *, about="centre", form="outer"):
    """Inertia tensor of a system of bodies.

    Args:
        positions: Positions of the bodies, shape (n, 3).
        masses: Masses of the bodies, shape (n,).
        radii: Radii of the bodies, which are solid balls, shape (n,).
        pivot: The point about which the tensor is taken.
    """
    if pivot is not None:
        r = positions - pivot
    elif about == "centre":
        r = positions - masses @ positions / jnp.sum(masses)
    else:
        r = positions
    if form == "components":
        x, y, z = r[:, 0], r[:, 1], r[:, 2]
        xx, yy, zz = masses @ (y**2 + z**2), masses @ (x**2 + z**2), masses @ (x**2 + y**2)
        xy, xz, yz = -masses @ (x * y), -masses @ (x * z), -masses @ (y * z)
        tensor = jnp.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    elif form == "einsum":
        second = jnp.einsum("n,ni,nj->ij", masses, r, r)
        tensor = jnp.trace(second) * jnp.eye(3, dtype=second.dtype) - second
    else:
        r2 = jnp.sum(r**2, axis=-1)
        outer = r[:, :, None] * r[:, None, :]
        each = r2[:, None, None] * jnp.eye(3, dtype=r.dtype) - outer
        tensor = jnp.sum(masses[:, None, None] * each, axis=0)
    if radii is not None:
        # Each ball adds its own moment of inertia.
        tensor = tensor + 0.4 * jnp.sum(masses * radii**2) * jnp.eye(3, dtype=tensor.dtype)
    return tensor


@family(
    "vector",
    positions="n 3",
    velocities="n 3",
    masses="n in 0.5..2",
    spins="? n 3",
    pivot="? 3",
    active="? n bool",
    about={"centre": 3, "origin": 2},
    form=decided({"momenta": 2, "weighted": 2, "einsum": 1}),
)
def angular_momentum(
    positions,
    velocities,
    masses,
    spins=None,
    pivot=None,
    active=None,
    *,
    about="centre",
    form="weighted",
):
    """Total angular momentum of a system of bodies.

    Args:
        positions: Positions of the bodies, shape (n, 3).
        velocities: Velocities of the bodies, shape (n, 3).
        masses: Masses of the bodies, shape (n,).
        spins: Angular momenta of the bodies about their own centres, shape (n, 3).
        pivot: The point about which it is taken.
        active: The bodies that count, shape (n,).
    """
    if active is not None:
        masses = jnp.where(active, masses, 0.0)
        if spins is not None:
            spins = jnp.where(active[:, None], spins, 0.0)
    if pivot is not None:
        r, v = positions - pivot, velocities
    elif about == "centre":
        # The frame of the centre of mass.
        total = jnp.sum(masses) + 1e-3
        r = positions - masses @ positions / total
        v = velocities - masses @ velocities / total
    else:
        r, v = positions, velocities
    if form == "momenta":
        momentum = jnp.sum(jnp.cross(r, masses[:, None] * v), axis=0)
    elif form == "einsum":
        momentum = jnp.einsum("n,ni->i", masses, jnp.cross(r, v))
    else:
        momentum = masses @ jnp.cross(r, v)
    if spins is not None:
        momentum = momentum + jnp.sum(spins, axis=0)
    return momentum


def quaternion_rotate(q, v, inverse=False):
    """Rotates vectors by unit quaternions or by their inverses."""
    w, u = q[..., :1], q[..., 1:]
    if inverse:
        u = -u
    t = 2.0 * jnp.cross(u, v)
    return v + w * t + jnp.cross(u, t)


def quaternion_rate(q, omega):
    """Time derivative of a quaternion by an angular velocity in body axes."""
    w, u = q[..., :1], q[..., 1:]
    return 0.5 * jnp.concatenate([-dot(u, omega), w * omega + jnp.cross(u, omega)], axis=-1)


@family(
    "vector",
    q="n 4",
    omega="n 3",
    torque="n 3 in -1..1",
    inertia="3 in 0.5..2",
    damping="? n in 0.1..0.5",
    dt="? in 0.02..0.1",
    method={"euler": 1, "semi_implicit": 3, "midpoint": 1},
    frame={"body": 2, "world": 1},
    exponential={False: 2, True: 1},
    steps={1: 4, 3: 1, 5: 1},
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
):
    """Integrates the rotation of rigid bodies by Euler's equations.

    Args:
        q: Orientations as quaternions (w, x, y, z), shape (n, 4).
        omega: Angular velocities in body axes, shape (n, 3).
        torque: Torques, shape (n, 3).
        inertia: Principal moments of inertia.
        damping: Damping rates of the rotations, shape (n,).
        dt: The time step.

    Returns:
        The new orientations and angular velocities.
    """
    if dt is None:
        dt = 0.05

    def angular_acceleration(q, omega):
        if frame == "world":
            # The torque is given in world axes.
            total = quaternion_rotate(q, torque, inverse=True) - jnp.cross(omega, inertia * omega)
        else:
            total = torque - jnp.cross(omega, inertia * omega)
        if damping is not None:
            return total / inertia - damping[:, None] * omega
        return total / inertia

    def turn(q, omega):
        change = dt * quaternion_rate(q, omega)
        if exponential:
            # The exact rotation at a constant angular velocity.
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
        return advance(q, omega)
    else:
        return lax.fori_loop(0, steps, lambda _, state: advance(*state), (q, omega))


@family(
    "vector",
    x="n 3",
    v="n 3",
    b="3",
    e="? 3",
    charge_to_mass="? n in 0.5..1.5",
    field={"uniform": 3, "mirror": 1, "gradient": 1},
    relativistic={False: 3, True: 1},
    loop={"fori": 2, "scan": 2},
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
    relativistic=False,
    loop="fori",
    steps=1,
):
    """Moves charged particles by the Boris pusher.

    Args:
        x: Positions of the particles, shape (n, 3).
        v: Velocities of the particles, or momenta by mass if they are relativistic, shape (n, 3).
        b: The magnetic field at the origin.
        e: A uniform electric field.
        charge_to_mass: Ratios of charge to mass, shape (n,).

    Returns:
        The new positions and velocities.
    """
    dt = 0.1

    def field_at(x):
        if field == "mirror":
            return b * (1.0 + 0.2 * x[..., 2:] ** 2)
        elif field == "gradient":
            return b * (1.0 + 0.1 * x[..., :1])
        else:
            return b

    def advance(x, v):
        half = 0.5 * dt
        if charge_to_mass is not None:
            half = half * charge_to_mass[:, None]
        if e is not None:
            # The first half of the electric kick.
            v = v + half * e
        t = half * field_at(x)
        if relativistic:
            # v is the velocity times the Lorentz factor, with a speed of light of 10.
            t = t / jnp.sqrt(1.0 + jnp.sum(v**2, axis=-1, keepdims=True) / 100.0)
        # The magnetic rotation keeps the speed.
        s = 2.0 * t / (1.0 + jnp.sum(t**2, axis=-1, keepdims=True))
        v = v + jnp.cross(v + jnp.cross(v, t), s)
        if e is not None:
            v = v + half * e
        if relativistic:
            gamma = jnp.sqrt(1.0 + jnp.sum(v**2, axis=-1, keepdims=True) / 100.0)
            return x + dt * v / gamma, v
        return x + dt * v, v

    if steps == 1:
        return advance(x, v)
    if loop == "scan":
        state, _ = lax.scan(lambda s, _: (advance(*s), None), (x, v), None, length=steps)
        return state
    else:
        return lax.fori_loop(0, steps, lambda _, state: advance(*state), (x, v))


@family(
    "vector",
    positions="n 3",
    velocities="n 3",
    radii="n in 1.5..2",
    masses="n in 0.5..2",
    law={"linear": 3, "hertz": 2},
    damping={"viscous": 2, "overlap": 1},
    friction={False: 2, True: 1},
    floor={False: 2, True: 1},
    stiffness=(2.0, 5.0),
    sizes={"n": (3, 4, 5, 6, 8)},
)
def contact_accelerations(
    positions,
    velocities,
    radii,
    masses,
    *,
    law="linear",
    damping="viscous",
    friction=False,
    floor=False,
    stiffness=2.0,
):
    """Accelerations of soft spheres in contact, as in the discrete element method.

    Args:
        positions: Centres of the spheres, shape (n, 3).
        velocities: Velocities of the spheres, shape (n, 3).
        radii: Radii of the spheres, shape (n,).
        masses: Masses of the spheres, shape (n,).
    """
    displacement = positions[:, None, :] - positions[None, :, :]
    distance = jnp.sqrt(jnp.sum(displacement**2, axis=-1) + 1e-4)
    direction = displacement / distance[..., None]
    overlap = jnp.maximum(radii[:, None] + radii[None, :] - distance, 0.0)
    # A sphere doesn't touch itself.
    overlap = overlap * (1.0 - jnp.eye(positions.shape[0]))
    if law == "hertz":
        push = stiffness * overlap**1.5
    else:
        push = stiffness * overlap
    relative = velocities[:, None, :] - velocities[None, :, :]
    approach = jnp.sum(relative * direction, axis=-1)
    touching = overlap > 0.0
    if damping == "overlap":
        push = push - 0.3 * overlap * approach
    else:
        push = push - 0.3 * jnp.where(touching, approach, 0.0)
    force = jnp.sum(push[..., None] * direction, axis=1)
    if friction:
        # Viscous friction against the sliding velocity.
        sliding = relative - approach[..., None] * direction
        drag = jnp.where(touching[..., None], sliding, 0.0)
        force = force - 0.1 * jnp.sum(drag, axis=1)
    if floor:
        # The floor is the plane z = 0.
        depth = jax.nn.relu(radii - positions[:, 2])
        force = force.at[:, 2].add(stiffness * depth)
    return force / masses[:, None]


# ---------------------------------------------------------------- cameras and coordinates


def huber(r2):
    return jnp.where(r2 < 1.0, 0.5 * r2, jnp.sqrt(jnp.maximum(r2, 1e-3)) - 0.5)


def distort(image, radial, model="polynomial"):
    """Radial lens distortion of normalized image coordinates."""
    r2 = jnp.sum(image**2, axis=-1, keepdims=True)
    if model == "division":
        return image / (1.0 + radial[0] * r2 + radial[1] * r2**2)
    elif model == "fisheye":
        r = jnp.sqrt(r2 + 1e-6)
        angle = jnp.arctan(r)
        return image * angle / r * (1.0 + radial[0] * angle**2 + radial[1] * angle**4)
    else:
        return image * (1.0 + radial[0] * r2 + radial[1] * r2**2)


@family(
    "vector",
    points="n 3 in -1..1",
    focal="2 in 0.8..1.5",
    translation="3 in 3..4",
    rotation="? 3 3 in -0.6..0.6",
    principal="? 2",
    radial="? 2 in -0.2..0.2",
    model={"polynomial": 3, "division": 1, "fisheye": 1},
    form=decided({"split": 3, "matrix": 1}),
)
def project_points(
    points,
    focal,
    translation,
    rotation=None,
    principal=None,
    radial=None,
    *,
    model="polynomial",
    form="split",
):
    """Pixel coordinates of points that a pinhole camera sees.

    Args:
        points: Points in world coordinates, shape (n, 3).
        focal: Focal lengths along the axes of the image.
        translation: Translation from the world to the camera frame.
        rotation: Rotation matrix from the world to the camera frame.
        principal: The principal point.
        radial: Two coefficients of the radial lens distortion.
    """
    if rotation is not None:
        points = points @ rotation.T
    points = points + translation
    if form == "matrix":
        homogeneous = points / points[:, 2:]
        image = homogeneous[:, :2]
    else:
        image = points[:, :2] / points[:, 2:]
    if radial is not None:
        image = distort(image, radial, model)
    pixels = focal * image
    if principal is not None:
        pixels = pixels + principal
    return pixels


@family(
    "vector",
    points="n 3 in -1..1",
    observed="n 2 in -2..2",
    rotation="3 3 in -0.6..0.6",
    translation="3 in 3..4",
    focal="? in 0.8..1.5",
    radial="? 2 in -0.2..0.2",
    weights="? n in 0.2..1",
    loss={"squared": 3, "huber": 2, "cauchy": 1, "geman_mcclure": 1},
    model={"polynomial": 3, "division": 1},
    mean={True: 2, False: 1},
)
def reprojection_error(
    points,
    observed,
    rotation,
    translation,
    focal=None,
    radial=None,
    weights=None,
    *,
    loss="squared",
    model="polynomial",
    mean=True,
):
    """Reprojection error of a pinhole camera, as in bundle adjustment.

    Args:
        points: Points in world coordinates, shape (n, 3).
        observed: Image coordinates at which the points were seen, shape (n, 2).
        rotation: Rotation matrix from the world to the camera frame.
        translation: Translation from the world to the camera frame.
        focal: The focal length.
        radial: Two coefficients of the radial lens distortion.
        weights: Weights of the points, shape (n,).
    """
    camera_points = points @ rotation.T + translation
    image = camera_points[:, :2] / camera_points[:, 2:]
    if radial is not None:
        image = distort(image, radial, model)
    if focal is not None:
        image = focal * image
    r2 = jnp.sum((image - observed) ** 2, axis=-1)
    if loss == "huber":
        error = huber(r2)
    elif loss == "cauchy":
        error = jnp.log1p(r2)
    elif loss == "geman_mcclure":
        error = r2 / (1.0 + r2)
    else:
        error = r2
    if weights is not None:
        if mean:
            return jnp.sum(weights * error) / jnp.sum(weights)
        return jnp.sum(weights * error)
    if mean:
        return jnp.mean(error)
    else:
        return jnp.sum(error)


@family(
    "vector",
    points="n 3",
    centre="? 3",
    convention={"physics": 3, "mathematics": 1, "geographic": 2},
    polar=decided({"atan2": 2, "arccos": 1}),
    degrees={False: 3, True: 1},
    stacked={True: 2, False: 1},
    only="float32",
)
def cartesian_to_spherical(
    points, centre=None, *, convention="physics", polar="atan2", degrees=False, stacked=True
):
    """Spherical coordinates of points.

    Args:
        points: Points, shape (n, 3).
        centre: Origin of the coordinates.
    """
    if centre is not None:
        points = points - centre
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    rho = jnp.sqrt(x**2 + y**2 + 1e-6)
    r = jnp.sqrt(x**2 + y**2 + z**2 + 1e-6)
    azimuth = jnp.arctan2(y, x)
    if convention == "geographic":
        # The latitude, from the equator.
        theta = jnp.arctan2(z, rho) if polar == "atan2" else jnp.arcsin(z / r)
    else:
        # The polar angle, from the z axis.
        theta = jnp.arctan2(rho, z) if polar == "atan2" else jnp.arccos(z / r)
    if degrees:
        theta, azimuth = jnp.rad2deg(theta), jnp.rad2deg(azimuth)
    if convention == "mathematics":
        # The azimuth comes before the polar angle.
        if stacked:
            return jnp.stack([r, azimuth, theta], axis=-1)
        return r, azimuth, theta
    if stacked:
        return jnp.stack([r, theta, azimuth], axis=-1)
    return r, theta, azimuth


@family(
    "vector",
    r="n in 0.5..2",
    theta="n in 0.3..1.3",
    phi="n in -1.5..1.5",
    centre="? 3",
    kind={"physics": 3, "geographic": 2},
    degrees={False: 3, True: 1},
    form=decided({"stack": 2, "direction": 2}),
)
def spherical_to_cartesian(
    r, theta, phi, centre=None, *, kind="physics", degrees=False, form="stack"
):
    """Cartesian coordinates of points from their spherical coordinates.

    Args:
        r: Distances from the origin, shape (n,).
        theta: Polar angles or latitudes, shape (n,).
        phi: Azimuths, shape (n,).
        centre: Origin of the spherical coordinates.
    """
    if degrees:
        theta, phi = jnp.deg2rad(theta), jnp.deg2rad(phi)
    if kind == "geographic":
        # theta is the latitude.
        across, up = jnp.cos(theta), jnp.sin(theta)
    else:
        across, up = jnp.sin(theta), jnp.cos(theta)
    if form == "direction":
        direction = jnp.stack([across * jnp.cos(phi), across * jnp.sin(phi), up], axis=-1)
        points = r[:, None] * direction
    else:
        x = r * across * jnp.cos(phi)
        y = r * across * jnp.sin(phi)
        points = jnp.stack([x, y, r * up], axis=-1)
    if centre is not None:
        points = points + centre
    return points


@family(
    "vector",
    directions="n 3",
    degree={2: 3, 1: 1},
    condon_shortley={False: 3, True: 1},
    normalization={"orthonormal": 3, "racah": 1},
    angles={False: 2, True: 1},
)
def spherical_harmonics(
    directions, *, degree=2, condon_shortley=False, normalization="orthonormal", angles=False
):
    """Real spherical harmonics of directions, from degree zero on, shape (n, harmonics).

    Args:
        directions: Vectors whose length doesn't matter, shape (n, 3).
    """
    if angles:
        # By way of the polar angle and the azimuth.
        theta = jnp.arctan2(jnp.hypot(directions[:, 0], directions[:, 1]), directions[:, 2])
        phi = jnp.arctan2(directions[:, 1], directions[:, 0])
        x, y = jnp.sin(theta) * jnp.cos(phi), jnp.sin(theta) * jnp.sin(phi)
        z = jnp.cos(theta)
    else:
        directions = normalize(directions)
        x, y, z = directions[:, 0], directions[:, 1], directions[:, 2]
    if normalization == "racah":
        c0, c1, c2, c3, c4 = 1.0, 1.0, 1.7320508, 0.5, 0.8660254
    else:
        c0, c1, c2, c3, c4 = 0.2820948, 0.4886025, 1.0925484, 0.3153916, 0.5462742
    if condon_shortley:
        # The Condon-Shortley phase turns odd orders.
        x, y = -x, -y
    basis = [jnp.full_like(x, c0), c1 * y, c1 * z, c1 * x]
    if degree == 2:
        basis = basis + [
            c2 * x * y,
            c2 * y * z,
            c3 * (3.0 * z**2 - 1.0),
            c2 * x * z,
            c4 * (x**2 - y**2),
        ]
    return jnp.stack(basis, axis=-1)


# ---------------------------------------------------------------- curves and clouds


@family(
    "vector",
    control="4 d",
    t="n in 0..1",
    weights="? 4 in 0.5..2",
    form=decided({"bernstein": 3, "casteljau": 3, "matrix": 2, "horner": 2}),
    sizes={"d": (2, 3, 3)},
)
def bezier(control, t, weights=None, *, form="bernstein"):
    """Points on a cubic Bézier curve.

    Args:
        control: The four control points, shape (4, d).
        t: Parameters of the points, from 0 to 1, shape (n,).
        weights: Weights of the control points, for a rational curve.
    """
    if weights is not None:
        # Homogeneous coordinates.
        control = jnp.concatenate([weights[:, None] * control, weights[:, None]], axis=-1)
    if form == "casteljau":
        points, s = control[:, None, :], t[:, None]
        for _ in range(3):
            points = (1.0 - s) * points[:-1] + s * points[1:]
        value = points[0]
    elif form == "matrix":
        powers = jnp.stack([jnp.ones_like(t), t, t**2, t**3], axis=-1)
        to_bezier = jnp.array(
            [
                [1.0, 0.0, 0.0, 0.0],
                [-3.0, 3.0, 0.0, 0.0],
                [3.0, -6.0, 3.0, 0.0],
                [-1.0, 3.0, -3.0, 1.0],
            ]
        )
        value = powers @ to_bezier @ control
    elif form == "horner":
        # The coefficients of the powers of t.
        p0, p1, p2, p3 = control[0], control[1], control[2], control[3]
        a, b, c = p3 - 3.0 * p2 + 3.0 * p1 - p0, 3.0 * (p2 - 2.0 * p1 + p0), 3.0 * (p1 - p0)
        s = t[:, None]
        value = ((a * s + b) * s + c) * s + p0
    else:
        s = 1.0 - t
        basis = jnp.stack([s**3, 3.0 * t * s**2, 3.0 * t**2 * s, t**3], axis=-1)
        value = basis @ control
    if weights is not None:
        value = value[:, :-1] / value[:, -1:]
    return value


@family(
    "vector",
    control="m d",
    t="n in 0..1",
    basis={"catmull_rom": 3, "b_spline": 3},
    form=decided({"basis": 3, "matrix": 2}),
    tension={None: 3, 0.3: 1},
    flat={False: 2, True: 1},
    sizes={"m": (5, 6, 8), "d": (2, 3), "n": (4, 5, 6)},
)
def spline_curve(control, t, *, basis="catmull_rom", form="basis", tension=None, flat=False):
    """Points on all segments of a uniform cubic spline.

    Args:
        control: Control points of the curve, shape (m, d).
        t: Parameters on each segment, from 0 to 1, shape (n,).

    """
    # Each segment has four control points.
    windows = jnp.stack([control[:-3], control[1:-2], control[2:-1], control[3:]], axis=1)
    if form == "matrix":
        powers = jnp.stack([jnp.ones_like(t), t, t**2, t**3], axis=-1)
        if basis == "b_spline":
            matrix = (
                jnp.array(
                    [
                        [1.0, 4.0, 1.0, 0.0],
                        [-3.0, 0.0, 3.0, 0.0],
                        [3.0, -6.0, 3.0, 0.0],
                        [-1.0, 3.0, -3.0, 1.0],
                    ]
                )
                / 6.0
            )
        else:
            matrix = 0.5 * jnp.array(
                [
                    [0.0, 2.0, 0.0, 0.0],
                    [-1.0, 0.0, 1.0, 0.0],
                    [2.0, -5.0, 4.0, -1.0],
                    [-1.0, 3.0, -3.0, 1.0],
                ]
            )
        weights = powers @ matrix
    elif tension is not None and basis == "catmull_rom":
        # A cardinal spline, whose tangents are shorter than those of Catmull and Rom.
        c = 0.5 * (1.0 - tension)
        weights = [
            c * (-t + 2.0 * t**2 - t**3),
            1.0 + (c - 3.0) * t**2 + (2.0 - c) * t**3,
            c * t + (3.0 - 2.0 * c) * t**2 + (c - 2.0) * t**3,
            c * (t**3 - t**2),
        ]
        weights = jnp.stack(weights, axis=-1)
    elif basis == "b_spline":
        s = 1.0 - t
        weights = [
            s**3 / 6.0,
            (4.0 - 6.0 * t**2 + 3.0 * t**3) / 6.0,
            (1.0 + 3.0 * t + 3.0 * t**2 - 3.0 * t**3) / 6.0,
            t**3 / 6.0,
        ]
        weights = jnp.stack(weights, axis=-1)
    else:
        weights = [
            0.5 * (-t + 2.0 * t**2 - t**3),
            0.5 * (2.0 - 5.0 * t**2 + 3.0 * t**3),
            0.5 * (t + 4.0 * t**2 - 3.0 * t**3),
            0.5 * (t**3 - t**2),
        ]
        weights = jnp.stack(weights, axis=-1)
    curve = jnp.einsum("nk,skd->snd", weights, windows)
    if flat:
        # One point after another.
        return curve.reshape(-1, control.shape[1])
    return curve


def centred_pairs(p, q, weights=None):
    """Both sets of points about their centroids, the centroids, and the cross-covariance."""
    if weights is not None:
        shares = weights / jnp.sum(weights)
        p_mean, q_mean = p @ shares, q @ shares
        p0, q0 = p - p_mean[:, None], q - q_mean[:, None]
        return p0, q0, p_mean, q_mean, (q0 * shares) @ p0.T
    p_mean, q_mean = jnp.mean(p, axis=1), jnp.mean(q, axis=1)
    p0, q0 = p - p_mean[:, None], q - q_mean[:, None]
    return p0, q0, p_mean, q_mean, q0 @ p0.T / p.shape[1]


@family(
    "compound",
    p="c n",
    q="c n",
    weights="? n in 0.2..1",
    reflection={False: 3, True: 1},
    scaled={False: 3, True: 1},
    correction=decided({"diag": 2, "set": 2}),
    sizes={"c": (2, 3, 3), "n": (5, 6, 8, 10, 12)},
    weight=5,
    only="float32",
)
def kabsch(p, q, weights=None, *, reflection=False, scaled=False, correction="set"):
    """The rotation and translation that bring points nearest to others.

    Args:
        p: Points that move, as columns, shape (c, n).
        q: Points that stay, as columns, shape (c, n).
        weights: Weights of the pairs, shape (n,).

    Returns:
        The rotation matrix and the translation.
    """
    p0, _, p_mean, q_mean, h = centred_pairs(p, q, weights)
    u, s, vt = jnp.linalg.svd(h)
    if reflection:
        # Reflections are allowed: the orthogonal Procrustes problem.
        rotation = u @ vt
        strength = jnp.sum(s)
    else:
        # A proper rotation has a determinant of one.
        sign = jnp.sign(jnp.linalg.det(u @ vt))
        flip = jnp.ones_like(s).at[-1].set(sign)
        if correction == "diag":
            rotation = u @ jnp.diag(flip) @ vt
        else:
            rotation = (u * flip) @ vt
        strength = jnp.sum(s * flip)
    if scaled:
        # Umeyama's scale.
        if weights is not None:
            variance = weights @ jnp.sum(p0**2, axis=0) / jnp.sum(weights)
        else:
            variance = jnp.mean(jnp.sum(p0**2, axis=0))
        rotation = rotation * strength / variance
    return rotation, q_mean - rotation @ p_mean


@family(
    "compound",
    p="c n",
    q="c n",
    weights="? n in 0.2..1",
    reflection={False: 3, True: 1},
    form={"aligned": 3, "singular": 2},
    squared={False: 3, True: 1},
    sizes={"c": (2, 3, 3), "n": (5, 6, 8, 10, 12)},
    weight=5,
    only="float32",
)
def superposed_deviation(p, q, weights=None, *, reflection=False, form="aligned", squared=False):
    """Least deviation of two sets of points after rigid superposition.

    Args:
        p: The first points, as columns, shape (c, n).
        q: The second points, as columns, shape (c, n).
        weights: Weights of the pairs, shape (n,).
    """
    p0, q0, _, _, h = centred_pairs(p, q, weights)
    u, s, vt = jnp.linalg.svd(h)
    if reflection:
        flip = jnp.ones_like(s)
    else:
        flip = jnp.ones_like(s).at[-1].set(jnp.sign(jnp.linalg.det(u @ vt)))
    if form == "singular":
        # The singular values tell what is left, without rotating anything.
        power = jnp.sum(p0**2 + q0**2, axis=0)
        if weights is not None:
            total = weights @ power / jnp.sum(weights)
        else:
            total = jnp.mean(power)
        msd = total - 2.0 * jnp.sum(s * flip)
    else:
        residual2 = jnp.sum(((u * flip) @ vt @ p0 - q0) ** 2, axis=0)
        if weights is not None:
            msd = weights @ residual2 / jnp.sum(weights)
        else:
            msd = jnp.mean(residual2)
    if squared:
        return msd
    # The RMSD.
    return jnp.sqrt(jnp.maximum(msd, 1e-6))


def fit_by_eigh(covariance):
    _, vectors = jnp.linalg.eigh(covariance)
    return vectors[:, 0] * jnp.sign(vectors[2, 0])


def fit_by_svd(covariance):
    _, _, vt = jnp.linalg.svd(covariance)
    return vt[-1] * jnp.sign(vt[-1, 2])


def fit_by_regression(covariance):
    """The normal of z as a linear function of x and y."""
    slope = jnp.linalg.solve(covariance[:2, :2], covariance[:2, 2])
    normal = jnp.concatenate([-slope, jnp.ones(1)])
    return normal / jnp.linalg.norm(normal)


@family(
    "compound",
    points="3 n",
    weights="? n in 0.2..1",
    fit={Code("fit_by_eigh"): 3, Code("fit_by_svd"): 2, Code("fit_by_regression"): 2},
    form={"offset": 2, "centroid": 2},
    unbiased={False: 2, True: 1},
    sizes={"n": (5, 6, 8, 10, 12)},
    weight=5,
    only="float32",
)
def fit_plane(points, weights=None, *, fit=None, form="offset", unbiased=False):
    """Least-squares plane through points.

    Args:
        points: Points, as columns, shape (3, n).
        weights: Weights of the points, shape (n,).

    Returns:
        The unit normal, and the offset of the plane along it or a point on the plane.
    """
    if weights is not None:
        shares = weights / jnp.sum(weights)
        centroid = points @ shares
        centred = points - centroid[:, None]
        covariance = (centred * shares) @ centred.T
    else:
        centroid = jnp.mean(points, axis=1)
        centred = points - centroid[:, None]
        if unbiased:
            covariance = centred @ centred.T / (points.shape[1] - 1)
        else:
            covariance = centred @ centred.T / points.shape[1]
    normal = fit(covariance)
    if form == "centroid":
        return normal, centroid
    return normal, centroid @ normal


@family(
    "compound",
    points="3 n",
    weights="? n in 0.2..1",
    query="3 m",
    fit={Code("fit_by_eigh"): 3, Code("fit_by_svd"): 2, Code("fit_by_regression"): 2},
    signed={True: 2, False: 1},
    sizes={"n": (5, 6, 8, 10, 12), "m": (4, 5, 6)},
    weight=5,
    only="float32",
)
def plane_distances(points, query, weights=None, *, fit=None, signed=True):
    """Distances of points from the plane that fits other points best.

    Args:
        points: Points to which the plane is fitted, as columns, shape (3, n).
        query: Points whose distances are wanted, as columns, shape (3, m).
        weights: Weights of the points in the fit, shape (n,).
    """
    if weights is not None:
        shares = weights / jnp.sum(weights)
        centroid = points @ shares
        centred = points - centroid[:, None]
        covariance = (centred * shares) @ centred.T
    else:
        centroid = jnp.mean(points, axis=1)
        centred = points - centroid[:, None]
        covariance = centred @ centred.T / points.shape[1]
    normal = fit(covariance)
    distances = normal @ (query - centroid[:, None])
    if not signed:
        distances = jnp.abs(distances)
    return distances


def pairwise_squared(a, b):
    return jnp.sum((a[:, None, :] - b[None, :, :]) ** 2, axis=-1)


def pairwise_squared_expanded(a, b):
    cross = a @ b.T
    squared = jnp.sum(a**2, axis=1)[:, None] - 2.0 * cross + jnp.sum(b**2, axis=1)[None, :]
    return jnp.maximum(squared, 0.0)


@family(
    "vector",
    a="n 3",
    b="m 3",
    a_mask="? n bool",
    weights="? n in 0.2..1",
    pairwise={Code("pairwise_squared"): 3, Code("pairwise_squared_expanded"): 2},
    squared={True: 3, False: 2},
    one_sided={False: 3, True: 1},
    reduction={"mean": 3, "sum": 1},
    halved={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
    only="float32",
)
def chamfer(
    a,
    b,
    a_mask=None,
    weights=None,
    *,
    pairwise=None,
    squared=True,
    one_sided=False,
    reduction="mean",
    halved=False,
):
    """Chamfer distance between two point clouds.

    Args:
        a: The first cloud, shape (n, 3).
        b: The second cloud, shape (m, 3).
        a_mask: The points of the first cloud that are there, shape (n,).
        weights: Weights of the points of the first cloud, shape (n,).
    """
    cost = pairwise(a, b)
    if not squared:
        cost = jnp.sqrt(cost + 1e-6)
    to_b = jnp.min(cost, axis=1)
    if a_mask is not None:
        to_b = jnp.where(a_mask, to_b, 0.0)
        # No point of b is matched to padding.
        cost = jnp.where(a_mask[:, None], cost, 1e3)
    if weights is not None:
        to_b = weights * to_b
    to_a = jnp.min(cost, axis=0)
    if reduction == "sum":
        forward, backward = jnp.sum(to_b), jnp.sum(to_a)
    else:
        forward, backward = jnp.mean(to_b), jnp.mean(to_a)
    if one_sided:
        return forward
    if halved:
        return 0.5 * (forward + backward)
    return forward + backward


@family(
    "vector",
    a="n 3",
    b="m 3",
    pairwise={Code("pairwise_squared"): 3, Code("pairwise_squared_expanded"): 2},
    directed={False: 3, True: 1},
    squared={False: 3, True: 1},
    softness={None: 3, 0.1: 1},
    average={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
    only="float32",
)
def hausdorff_distance(
    a, b, *, pairwise=None, directed=False, squared=False, softness=None, average=False
):
    """Hausdorff distance between two point clouds.

    Args:
        a: The first cloud, shape (n, 3).
        b: The second cloud, shape (m, 3).
    """
    distance = pairwise(a, b)
    if not squared:
        distance = jnp.sqrt(distance + 1e-6)
    if softness is not None:
        # Smooth minima.
        to_b = -softness * jax.nn.logsumexp(-distance / softness, axis=1)
        to_a = -softness * jax.nn.logsumexp(-distance / softness, axis=0)
    else:
        to_b, to_a = jnp.min(distance, axis=1), jnp.min(distance, axis=0)
    if average:
        # The modified Hausdorff distance, with means instead of maxima.
        forward, backward = jnp.mean(to_b), jnp.mean(to_a)
    else:
        forward, backward = jnp.max(to_b), jnp.max(to_a)
    if directed:
        return forward
    return jnp.maximum(forward, backward)


# ---------------------------------------------------------------- distances to bodies


@family(
    "vector",
    points="n 3",
    half_size="3 in 0.5..1",
    centre="? 3 in -0.5..0.5",
    rotation="? 3 3 in -1..1",
    rounding={None: 3, 0.1: 1, 0.2: 1},
    shell={None: 4, 0.1: 1},
    norm=decided({"sum": 2, "linalg": 1}),
)
def box_distance(
    points, half_size, centre=None, rotation=None, *, rounding=None, shell=None, norm="sum"
):
    """Signed distance from points to a box, negative inside.

    Args:
        points: Points, shape (n, 3).
        half_size: Half the size of the box along each axis.
        centre: Centre of the box.
        rotation: Rotation matrix from the world to the axes of the box.
    """
    if centre is not None:
        points = points - centre
    if rotation is not None:
        points = points @ rotation.T
    q = jnp.abs(points) - half_size
    if norm == "linalg":
        outside = jnp.linalg.norm(jnp.maximum(q, 0.0) + 1e-6, axis=-1)
    else:
        outside = jnp.sqrt(jnp.sum(jnp.maximum(q, 0.0) ** 2, axis=-1) + 1e-6)
    inside = jnp.minimum(jnp.max(q, axis=-1), 0.0)
    distance = outside + inside
    if rounding is not None:
        # Round edges.
        distance = distance - rounding
    if shell is not None:
        # A hollow box, with thin walls.
        distance = jnp.abs(distance) - shell
    return distance


@family(
    "vector",
    points="n 3",
    a="3 in -1.5..-0.5",
    b="3 in 0.5..1.5",
    radius="? in 0.2..0.6",
    tip="? in 0.1..0.2",
    clip=decided({"clip": 2, "minmax": 1}),
    shell={None: 3, 0.05: 1},
    norm=decided({"linalg": 2, "sum": 1}),
)
def capsule_distance(points, a, b, radius=None, tip=None, *, clip="clip", shell=None, norm="sum"):
    """Signed distance from points to the capsule around a segment.

    Args:
        points: Points, shape (n, 3).
        a: One end of the segment.
        b: The other end of the segment.
        radius: Radius of the capsule.
        tip: By how much the radius is smaller at the second end.
    """
    pa, ba = points - a, b - a
    along = pa @ ba / (ba @ ba)
    if clip == "minmax":
        along = jnp.minimum(jnp.maximum(along, 0.0), 1.0)
    else:
        along = jnp.clip(along, 0.0, 1.0)
    offset = pa - along[:, None] * ba
    if norm == "sum":
        distance = jnp.sqrt(jnp.sum(offset**2, axis=-1) + 1e-6)
    else:
        distance = jnp.linalg.norm(offset, axis=-1)
    if radius is None:
        radius = 0.4
    if tip is not None:
        radius = radius - tip * along
    distance = distance - radius
    if shell is not None:
        distance = jnp.abs(distance) - shell
    return distance


@family(
    "vector",
    points="n 3",
    major="in 1..1.5",
    minor="in 0.2..0.5",
    centre="? 3 in -0.5..0.5",
    axis={"z": 3, "y": 2},
    elongation={None: 3, 0.5: 1},
    shell={None: 3, 0.05: 1},
    norm=decided({"sqrt": 2, "linalg": 1, "hypot": 1}),
)
def torus_distance(
    points, major, minor, centre=None, *, axis="z", elongation=None, shell=None, norm="sqrt"
):
    """Signed distance from points to a torus.

    Args:
        points: Points, shape (n, 3).
        major: Radius of the ring.
        minor: Radius of the tube.
        centre: Centre of the torus.
    """
    if centre is not None:
        points = points - centre
    if axis == "y":
        x, y, z = points[:, 0], points[:, 2], points[:, 1]
    else:
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
    if elongation is not None:
        # A link of a chain.
        x = x - jnp.clip(x, -elongation, elongation)
    if norm == "hypot":
        ring = jnp.hypot(x, y) - major
        distance = jnp.hypot(ring, z) - minor
    elif norm == "linalg":
        ring = jnp.linalg.norm(jnp.stack([x, y], axis=-1) + 1e-6, axis=-1) - major
        distance = jnp.linalg.norm(jnp.stack([ring, z], axis=-1), axis=-1) - minor
    else:
        ring = jnp.sqrt(x**2 + y**2 + 1e-6) - major
        distance = jnp.sqrt(ring**2 + z**2 + 1e-6) - minor
    if shell is not None:
        distance = jnp.abs(distance) - shell
    return distance


@family(
    "vector",
    points="n 3",
    centres="m 3",
    radii="m in 0.5..1",
    plane_height="? in -1..0",
    join={"min": 3, "exponential": 2, "polynomial": 1, "intersection": 1},
    softness=(0.2, 0.3),
    cut={None: 3, 0.5: 1},
    sizes={"m": (2, 3, 4)},
)
def spheres_distance(
    points, centres, radii, plane_height=None, *, join="min", softness=0.3, cut=None
):
    """Signed distance function of a body that is made of spheres.

    Args:
        points: Points, shape (n, 3).
        centres: Centres of the spheres, shape (m, 3).
        radii: Radii of the spheres, shape (m,).
        plane_height: Height of the ground, which belongs to the body.
    """
    offset = points[:, None, :] - centres[None, :, :]
    each = jnp.sqrt(jnp.sum(offset**2, axis=-1) + 1e-6) - radii
    if join == "exponential":
        # The exponential smooth minimum.
        distance = -softness * jax.nn.logsumexp(-each / softness, axis=-1)
    elif join == "polynomial":
        # The quadratic smooth minimum of one sphere after another.
        distance = each[:, 0]
        for i in range(1, centres.shape[0]):
            h = jnp.maximum(softness - jnp.abs(distance - each[:, i]), 0.0) / softness
            distance = jnp.minimum(distance, each[:, i]) - 0.25 * softness * h**2
    elif join == "intersection":
        distance = jnp.max(each, axis=-1)
    else:
        distance = jnp.min(each, axis=-1)
    if cut is not None:
        # A ball about the origin is cut out.
        distance = jnp.maximum(distance, cut - jnp.linalg.norm(points, axis=-1))
    if plane_height is not None:
        distance = jnp.minimum(distance, points[:, 2] - plane_height)
    return distance


# ---------------------------------------------------------------- fields of sources


@family(
    "vector",
    points="n 3",
    sources="m 3",
    moments="m 3",
    uniform="? 3",
    softening=(0.1, 0.3),
    kind={"magnetic": 3, "electric": 1},
    form=decided({"moments": 3, "unit": 2, "tensor": 1}),
    sizes={"n": (4, 5, 6, 8), "m": (2, 4, 5, 6)},
)
def dipole_field(
    points, sources, moments, uniform=None, *, softening=0.3, kind="magnetic", form="moments"
):
    """Field of point dipoles.

    Args:
        points: Where the field is evaluated, shape (n, 3).
        sources: Positions of the dipoles, shape (m, 3).
        moments: Dipole moments, shape (m, 3).
        uniform: A uniform background field.
    """
    r = points[:, None, :] - sources[None, :, :]
    r2 = jnp.sum(r**2, axis=-1, keepdims=True) + softening
    if form == "tensor":
        # The interaction tensor (3 r r - r² I) / r⁵.
        outer = 3.0 * r[..., :, None] * r[..., None, :] - r2[..., None] * jnp.eye(3, dtype=r.dtype)
        field = jnp.einsum("nmij,mj->ni", outer * r2[..., None] ** -2.5, moments)
    elif form == "unit":
        unit = r / jnp.sqrt(r2)
        along = jnp.sum(moments * unit, axis=-1, keepdims=True)
        field = jnp.sum((3.0 * along * unit - moments) * r2**-1.5, axis=1)
    else:
        along = jnp.sum(moments * r, axis=-1, keepdims=True)
        field = jnp.sum(3.0 * along * r * r2**-2.5 - moments * r2**-1.5, axis=1)
    if kind == "electric":
        # In units in which the vacuum permittivity is one.
        field = field / (4.0 * jnp.pi)
    if uniform is not None:
        field = field + uniform
    return field


@family(
    "vector",
    points="n 3",
    nodes="m 3",
    currents="? m in 0.5..1.5",
    uniform="? 3",
    closed={True: 2, False: 2},
    core={0.1: 1, 0.3: 2},
    kernel={"plummer": 3, "algebraic": 1, "gaussian": 1},
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6)},
)
def biot_savart(
    points, nodes, currents=None, uniform=None, *, closed=True, core=0.3, kernel="plummer"
):
    """Magnetic field of a wire by the Biot-Savart law, in units of mu0 / 4 pi.

    Args:
        points: Where the field is evaluated, shape (n, 3).
        nodes: Nodes of the wire, shape (m, 3).
        currents: Currents of the segments that begin at the nodes, shape (m,).
        uniform: A uniform background field.
    """
    if closed:
        ends = jnp.roll(nodes, -1, axis=0)
        segments, middles = ends - nodes, 0.5 * (nodes + ends)
        if currents is not None:
            segments = currents[:, None] * segments
    else:
        segments, middles = nodes[1:] - nodes[:-1], 0.5 * (nodes[1:] + nodes[:-1])
        if currents is not None:
            segments = currents[:-1, None] * segments
    r = points[:, None, :] - middles[None, :, :]
    r2 = jnp.sum(r**2, axis=-1, keepdims=True)
    if kernel == "gaussian":
        # The core of a segment is smeared out.
        weight = (1.0 - jnp.exp(-((r2 / core) ** 1.5))) / (r2 + 1e-3) ** 1.5
    elif kernel == "algebraic":
        weight = (r2 + 2.5 * core) / (r2 + core) ** 2.5
    else:
        weight = (r2 + core) ** -1.5
    field = jnp.sum(jnp.cross(segments[None], r) * weight, axis=1)
    if uniform is not None:
        field = field + uniform
    return field


@family(
    "vector",
    points="n 3",
    sources="m 3",
    forces="m 3",
    background="? 3",
    wall={False: 2, True: 1},
    regularization={"blob": 2, "offset": 2},
    eps=(0.1, 0.3),
    viscosity=(1.0, 0.5),
    sizes={"n": (4, 5, 6, 8), "m": (2, 4, 5, 6)},
)
def stokeslet_flow(
    points,
    sources,
    forces,
    background=None,
    *,
    wall=False,
    regularization="blob",
    eps=0.1,
    viscosity=1.0,
):
    """Velocity of a viscous fluid around point forces, by regularized Stokeslets.

    Args:
        points: Where the velocity is evaluated, shape (n, 3).
        sources: Where the forces act, shape (m, 3).
        forces: Forces on the fluid, shape (m, 3).
        background: A uniform flow.
    """

    def induced(sources, forces):
        r = points[:, None, :] - sources[None, :, :]
        r2 = jnp.sum(r**2, axis=-1, keepdims=True) + eps
        along = jnp.sum(forces * r, axis=-1, keepdims=True)
        if regularization == "blob":
            parts = (forces * (r2 + eps) + along * r) * r2**-1.5
        else:
            parts = forces * r2**-0.5 + along * r * r2**-1.5
        return jnp.sum(parts, axis=1)

    velocity = induced(sources, forces)
    if wall:
        # Mirror images at z = 0, where the fluid may slip but not pass.
        mirror = jnp.array([1.0, 1.0, -1.0], dtype=points.dtype)
        velocity = velocity + induced(sources * mirror, forces * mirror)
    velocity = velocity / (8.0 * jnp.pi * viscosity)
    if background is not None:
        velocity = velocity + background
    return velocity
