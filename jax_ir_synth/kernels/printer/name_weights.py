"""How often people give a name to an argument, a local or an inner function, by its role.

The weights follow a survey of 8,225 public JAX functions: how many of them use the name. Each table
is written as a text: a role, and its names with their weights.
"""

from collections.abc import Mapping

# Of each role, the names and their weights.
NameTable = Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]]


def _read_table(text: str) -> NameTable:
    """Reads `role: name weight, name weight`; indented lines go on with the line before."""
    table = {}
    for line in text.replace("\n    ", " ").strip().splitlines():
        role, _, entries = line.partition(": ")
        pairs = [entry.split() for entry in entries.split(", ")]
        table[role] = tuple(name for name, _ in pairs), tuple(int(weight) for _, weight in pairs)
    return table


ARGUMENTS = _read_table("""
array: x 977, inputs 378, value 271, y 208, logits 156, weights 109, q 86, data 77, v 75, b 74,
    a 60, g 58, k 56, updates 72, positions 55, targets 54, query 50, z 43, c 43, m 40, p 40, xs
    39, predictions 39, u 27, h 27, features 30, val 31, arr 43, points 29, grad 28, r 28, w 19,
    samples 19, array 19, pred 23, residual 11, values 14, scores 13, coeffs 11, noise 9, state
    60, params 60, batch 60, bias 34, kernel 13, images 16, s 12, d 14, signal 9, other 9, delta
    9, cache 12, obs 23, tensor 13
matrix: x 300, A 120, matrix 60, inputs 120, weights 109, X 90, kernel 60, params 40, logits 80,
    batch 90, B 40, M 40, w 60, W 40, features 50, cost_matrix 20, q 40, k 30, v 30, y 60,
    images 30, L 9, C 12, points 29, scores 30
positive: x 150, sigma 60, scale 58, std 30, var 28, weights 60, rate 32, lengths 22, values 30,
    a 40, counts 20, temperature 20, concentration 12, alpha 60, beta 32, dist 20, r 28, energy
    12, width 13
unit: p 60, probs 50, prob 30, t 45, u 27, alpha 50, rate 20, mask 40, q 40, weights 40, frac
    12, x 60
scalar: alpha 99, scale 58, t 45, gamma 45, dt 46, c 43, sigma 36, beta 32, tau 32, step_size
    20, eta 20, theta 14, mu 14, shift 13, rate 12, decay 12, rho 11, momentum 10, learning_rate
    20, lr 20, delta 9, scaling 9, offset 20, temperature 33, b 30, a 30, k 20, factor 12, bias
    20, low 8, weight 12
mask: mask 86, attention_mask 14, valid 14, is_valid 8, done 14, keep 10, padding_mask 8, active
    6
index: indices 27, idx 40, index 25, labels 46, tokens 23, action 22, label 16, ids 17,
    segment_ids 25, positions 15, perm 8
integer: n 65, k 30, i 44, j 23, m 20, a 30, b 30, bits 14, step 32, count 20, seed 12, codes
    10, flags 10, tokens 12, x 40, y 20, shift 12
scalar_index: i 60, index 25, idx 30, start 16, offset 20, pos 13, step 32, k 15, n 15, position
    12
flag: flag 20, training 16, is_training 12, deterministic 12, train 14, reverse 10, enabled 8,
    use_bias 6, inverse 8, pred 23, done 14
case: index 25, mode 20, branch 10, idx 20, kind 10, which 6, stage 6, case 6
cases: labels 46, kinds 10, types 8, indices 27, codes 10, idx 40, action 22
threshold: threshold 30, tau 20, eps 12, t 10, limit 14, cutoff 14, margin 10, delta 20, level
    8, bound 8
rate: lr 30, learning_rate 40, step_size 40, eta 20, alpha 30, dt 20
blend: beta 40, decay 30, momentum 24, alpha 40, t 30, tau 20, rho 14, b1 14, gamma 30, weight
    14, mix 6
gain: scale 58, alpha 60, a 40, gamma 40, factor 20, gain 10, c 43, amplitude 10, k 20, weight
    12, strength 8, scaling 9, w 19
center: mu 34, shift 20, offset 24, center 16, mean 20, loc 24, bias 30, b 30, x0 20
spread: sigma 40, scale 50, temperature 33, std 20, width 13, length_scale 10, tau 20, T 12,
    bandwidth 8
coefficient: a 60, b 50, c 43, c0 20, c1 20, c2 16, k 14, p 14, d 14
time: t 60, dt 46, time 16, s 10, h 16
bound_low: low 20, lo 20, min_val 16, lower 16, vmin 10, x_min 14, minimum 8
bound_high: high 20, hi 20, max_val 16, upper 16, vmax 10, x_max 14, max_value 10
count: step 50, n 65, count 20, t 20, num_steps 16, k 20, epoch 10, iteration 8
key: key 359, rng 292, rng_key 116, dropout_rng 30, prng_key 10
vector3: v 75, position 52, p 40, a 60, b 60, x 80, u 40, n 30, r 50, direction 24, velocity 24,
    normal 24, origin 16, axis_vec 4, force 12, w 20, q 20, light 10, ray 8, target 15, center
    14
vectors3: positions 90, points 80, vertices 30, x 60, R 50, pos 30, normals 24, velocities 24,
    forces 20, vecs 10, xyz 16, coords 24, rays 12, directions 16, displacements 8
quaternion: q 60, quat 40, rotation 20, rot 12, orientation 12
mass: m 40, mass 60, masses 60, w 20
charge: q 20, charge 20, charges 40
radius: r 30, radius 60, sigma 30, R 10
angle: theta 60, angle 60, phi 30, angles 20
grad: grad 60, g 40, grads 40, updates 30
params: params 60, p 20, w 20, theta 14
moment: m 40, mu 40, momentum 30, trace 20, velocity 20
second_moment: v 40, nu 40, second_moment 8, avg_sq 8
query: q 60, query 50, queries 20
key_array: k 60, keys 20
value_array: v 60, values 20, value 30
weight: w 60, kernel 40, W 30, w1 20, weight 20, w2 16, w_gate 10, w_up 10
offset: bias 60, b 40, beta 20, offset 10, shift 8
targets: targets 60, target 30, y 30, y_true 10
predictions: predictions 50, preds 30, y_pred 20, pred 30, x 10
logits: logits 156, scores 20, logit 10
labels: labels 60, tokens 23, targets 30, actions 20
field: u 40, field 30, phi 20, rho 14, temperature 10, psi 6
rotation: rot 20, R 40, rotation 25, mat 12, M 12, basis 8
""")

LOCALS = _read_table("""
any: x 300, y 400, out 446, h 219, z 230, value 120, v 140, result 146, output 140, a 118, b
    120, c 140, u 134, w 120, s 141, r 109, t 129, d 126, p 120, m 109, g 105, q 107, k 110, f
    60, res 79, val 75, acc 45, tmp 30, e 22, o 31, hidden 36, update 21, new_x 14, phi 27,
    features 32, values 36, delta 50, ret 30, state 60, term 20, y1 15, x1 39, x2 39, feat 12,
    signal 10, weight 54, coef 14
mask: mask 411, valid 66, cond 22, is_valid 22, keep 21, pred 30, done 40, is_pos 12, inside 10,
    active 12, m 30
sum: total 60, s 60, loss 120, norm 20, denom 64, z 30, acc 30, energy 14, total_loss 30,
    normalization 16, count 12
mean: mean 140, mu 110, avg 20, loss 60, m 40, center 10
var: var 84, variance 19, std 58, sigma 43, s 10
norm: norm 60, length 51, dist 28, grad_norm 17, r 30, n 20, magnitude 9
diff: diff 30, delta 61, err 79, error 38, residual 46, dx 21, d 40, r 20
exp: e 20, probs 20, weights 40, decay 14, w 30, exp_x 12, unnormalized 10
log: log_prob 49, log_x 14, logits 40, log_p 14, lp 8
max: m 60, x_max 24, peak 10, high 16, top 8, max_val 16
softmax: probs 45, attn_weights 52, weights 60, p 40, attn 35, scores 20
matmul: h 60, logits 100, scores 42, y 60, out 60, proj 20, hidden 36, x 30
index: idx 189, indices 98, i 60, index 52, j 30, pos 30, best 12, offsets 26
scale: scale 147, factor 19, alpha 108, rate 20, gain 14, gate 24, denom 40
zeros: zeros 21, init 41, acc 45, buf 16, out 60, carry 57, grid 20
random: noise 17, eps 30, sample 21, samples 40, z 30, perturbation 6
key: subkey 34, key 60, rng 40, k1 14, key1 12, rng1 21, init_rng 20
carry: carry 57, state 60, final 14, acc 45, last 16, final_state 23, h 40
stacked: ys 69, outputs 70, states 27, hist 10, out 50, trace 10, xs 40
shaped: x 60, flat 24, y 30, reshaped 12, xt 12, out 20, tiled 8
comp0: x 60, x0 20, vx 10, a 10
comp1: y 60, y0 12, vy 10, b 10
comp2: z 60, z0 12, vz 10, c 10
direction: direction 30, unit 20, d 20, n 20, u 20, n_hat 8, normal 14
rotated: rotated 40, v_rot 14, out 30, rx 6
force: force 60, f 30, F 20, forces 20, pull 4
energy: energy 60, e 20, potential 20, pe 10, E 14
angle: angle 40, theta 50, phi 20
gate: gate 60, g 30, gating 6
moment: m 40, mu 30, new_m 14, momentum 30, m_new 10, velocity 10
second_moment: v 40, nu 30, new_v 14, v_new 10
new_params: new_params 50, params 20, p_new 12, new_p 10, updated 10
centered: centered 30, xc 10, delta 20, x 20, dev 6
laplacian: lap 40, laplacian 40, lap_u 8
residual: residual 60, x 30, skip 14, h 30
loss: loss 120, objective 10, cost 14, total_loss 30, nll 10
steps: q 20, quantized 30, codes 14, rounded 10, x_q 10
cos: cos 40, c 20, cos_t 10
sin: sin 40, s 20, sin_t 10
part: left 14, head 14, x1 39, x2 39, first 10, window 12, chunk 10, row 15, x0 28, rest 12
cholesky: L 60, chol 30, scale_tril 12
counter: i 606, _ 80, step 60, t 60, k 50, j 60
step: x 160, x_t 40, inp 20, elem 10, u 30, xi 20, row 20, y 20
parameter: x 200, v 120, a 60, b 40, u 60, z 60, h 60, y 80, p 40, w 40, t 40, val 30, c 30, s
    30, q 30, r 20, operand 14
carried: carry 100, acc 90, state 80, h 60, c 50, val 40, y 40, s 40, x 60, total 20, m 20, prev
    16
""")

FUNCTIONS = _read_table("""
body: body 60, body_fn 50, body_fun 30, loop_body 16, step 20
step: step 70, body 40, scan_fn 24, f 40, step_fn 20, body_fn 20, update 20
branch: branch 10, fn 10, case 8, option 6
true: true_fn 40, true_fun 16, then_fn 8, on_true 6
false: false_fn 40, false_fun 16, else_fn 8, on_false 6
piece: piece 10, f 10, segment 6
helper: f 50, fn 30, helper 10, g 20, transform 16, _apply 10, compute 10, score 8, activation
    12, inner 16, normalize 4, mix 8
normalize: normalize 40, unit 14, _normalize 10, safe_normalize 8, normalise 4
inner_product: dot 30, inner 10, _dot 8
distance: dist 20, distance 20, norm 10
fn: f 60, fn 52, single 14, per_example 14, kernel_fn 8, one 8, row_fn 8, apply 10, g 14
block: block 40, layer 30, f 30, inner 16, fn 20, stage 6
combine: combine 30, op 14, merge 14, binary_op 10, fn 12
condition: cond 30, cond_fn 40, cond_fun 30, keep_going 8
""")
