"""Families: loss functions of classification, regression, ranking and representation learning."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
penalty: penalty 4, regularizer 2, reg 2
discriminator_loss: discriminator_loss 6, d_loss_fn 2, critic_loss 2
rof_objective: rof_objective 4, tv_denoising_loss 3, rof_energy 2
edge_aware_smoothness: edge_aware_smoothness 5, smoothness_loss 4, disparity_smoothness 3
poisson_regression_loss: poisson_regression_loss 4, poisson_loss 4, poisson_nll 2
logistic_objective: logistic_objective 3, logistic_regression_loss 5, regularized_logistic_loss 2
penalised_least_squares: penalised_least_squares 2, penalized_least_squares 4, regularized_least_squares 4
neural_sort_ndcg: neural_sort_ndcg 4, soft_ndcg 2, neuralsort_ndcg 2
approx_ndcg: approx_ndcg 6, approximate_ndcg 3, soft_ndcg 2
vicreg_loss: vicreg_loss 6, vicreg 3
barlow_twins_loss: barlow_twins_loss 6, barlow_twins 2, barlow_loss 2
dice_ce_loss: dice_ce_loss 4, segmentation_loss 3, dice_cross_entropy 2
emd_loss: emd_loss 6, earth_movers_distance 3
renyi_divergence: renyi_divergence 6, renyi 1
js_divergence: js_divergence 4, jensen_shannon_divergence 4, jsd 1
kl_divergence: kl_divergence 6, categorical_kl 3, kl_div 3
gaussian_nll: gaussian_nll 5, gaussian_nll_loss 3, heteroscedastic_nll 3
jaccard_loss: jaccard_loss 4, soft_iou_loss 4, iou_loss 3
tversky_loss: tversky_loss 6, tversky 1
dice_loss: dice_loss 8, soft_dice_loss 4
sigmoid_focal_loss: sigmoid_focal_loss 6, binary_focal_loss 4, focal_bce_loss 1
log_cosh_loss: log_cosh_loss 6, logcosh_loss 2, log_cosh 2
robust_loss: robust_loss 5, m_estimator_loss 2, robust_regression_loss 3
huber_loss: huber_loss 8, huber 2
x: x 9, inputs 2
cross_entropy: cross_entropy 5, cross_entropy_loss 4, softmax_cross_entropy 4, classification_loss 1
binary_cross_entropy: binary_cross_entropy 4, bce_loss 3, bce_with_logits 2, sigmoid_cross_entropy 2
mixup_loss: mixup_loss 4, mixup_cross_entropy 3, mixup_criterion 2
next_token_loss: next_token_loss 4, lm_loss 4, language_model_loss 3, causal_lm_loss 2
quantile_loss: quantile_loss 5, pinball_loss 4, quantile_regression_loss 2
hinge_loss: hinge_loss 6, multiclass_hinge_loss 2, margin_loss 2, svm_loss 2
location_scale_nll: location_scale_nll 3, nll_loss 3, negative_log_likelihood 3
mixture_density_nll: mixture_density_nll 3, mdn_loss 4, mixture_nll 3, mixture_density_loss 2
evidential_regression: evidential_regression 3, evidential_loss 4, nig_loss 3, deep_evidential_loss 1
dirichlet_loss: dirichlet_loss 4, evidential_classification_loss 3, edl_loss 3
elbo_loss: elbo_loss 4, vae_loss 5, negative_elbo 4
contrastive_loss: contrastive_loss 5, info_nce 4, info_nce_loss 4
sigmoid_contrastive_loss: sigmoid_contrastive_loss 3, siglip_loss 4, sigmoid_loss 2
nt_xent: nt_xent 4, nt_xent_loss 4, simclr_loss 3, ntxent 1
supervised_contrastive: supervised_contrastive 4, supcon_loss 4, supervised_contrastive_loss 3
triplet_loss: triplet_loss 8, triplet_margin_loss 4
batch_triplet_loss: batch_triplet_loss 4, online_triplet_loss 3
pair_loss: pair_loss 3, pairwise_contrastive_loss 3, siamese_loss 4, similarity_loss 2
pairwise_ranking_loss: pairwise_ranking_loss 5, pairwise_loss 3, ranking_loss 4
listwise_ranking_loss: listwise_ranking_loss 4, listwise_loss 4, list_loss 1
distillation_loss: distillation_loss 6, kd_loss 3, knowledge_distillation_loss 3
orthogonality_penalty: orthogonality_penalty 4, orthogonal_regularizer 4, orthogonal_loss 2
total_variation: total_variation 5, tv_loss 4, total_variation_loss 3
gan_losses: gan_losses 4, adversarial_losses 4, adversarial_loss 2
diffusion_loss: diffusion_loss 5, denoising_loss 3, ddpm_loss 3
denoise: denoise 5, predict 2, denoiser 2, model 2
logits: logits 9, scores 1, preds 1
labels: labels 7, targets 3, y 2
targets: targets 6, target 3, y 2, y_true 1
predictions: predictions 4, preds 4, y_pred 3, pred 3
loss: loss 12, losses 1
log_probs: log_probs 6, log_p 2, logp 2
probs: probs 6, p 2, probabilities 2
mask: mask 8, valid 2
weights: weights 5, sample_weight 4, w 2
label_smoothing: label_smoothing 7, smoothing 4, eps 1
temperature: temperature 6, temp 2, tau 2
num_classes: num_classes 7, n_classes 2, c 1
anchor: anchor 6, anchors 3, a 1
positive: positive 6, positives 3, pos 1
negative: negative 6, negatives 3, neg 1
similarity: similarity 4, sim 4, logits 2
distance: distance 4, dist 4, d 1
distances: distances 4, dists 4, dist 2
margin: margin 8, m 1
residual: residual 4, error 4, diff 3, err 2
mean: mean 5, mu 4, loc 2
log_var: log_var 5, logvar 5, log_variance 1
scores: scores 6, logits 2, preds 1
relevances: relevances 4, relevance 4, labels 2, rel 1
gains: gains 5, gain 3
discounts: discounts 5, discount 3
student_logits: student_logits 8, student 2, logits_s 1
teacher_logits: teacher_logits 8, teacher 2, logits_t 1
z_a: z_a 4, z1 4, za 1
z_b: z_b 4, z2 4, zb 1
alpha: alpha 8, a 1
concentration: concentration 4, alpha 5
image: image 6, img 3, x 3
dx: dx 5, diff_x 3, grad_x 3
dy: dy 5, diff_y 3, grad_y 3
gram: gram 6, g 1
intersection: intersection 5, inter 4, overlap 2
quantiles: quantiles 4, taus 4, q 2
real_logits: real_logits 5, d_real 3, real_scores 2
fake_logits: fake_logits 5, d_fake 3, fake_scores 2
"""


# ---------------------------------------------------------------- classification


def smooth_labels(targets, label_smoothing=0.1):
    """Mixes targets with the uniform distribution."""
    num_classes = targets.shape[-1]
    return targets * (1.0 - label_smoothing) + label_smoothing / num_classes


@family(
    "reduction",
    logits="... n c in -4..4",
    labels="... n int c",
    class_weights="? c in 0.5..2",
    mask="? ... n bool",
    label_smoothing={0.0: 5, 0.05: 1, 0.1: 3, 0.2: 1},
    gather=decided((False, True)),
    z_loss={None: 4, 1e-4: 1, 1e-3: 1},
    reduction={"mean": 5, "sum": 2, "none": 2},
    sizes={"c": (4, 5, 6, 8, 10), "n": (4, 5, 6, 8, 12)},
)
def cross_entropy(
    logits,
    labels,
    class_weights=None,
    mask=None,
    *,
    label_smoothing=0.0,
    gather=False,
    z_loss=None,
    reduction="mean",
):
    """Softmax cross-entropy of logits with integer labels.

    Args:
        logits: unnormalised scores, with the classes last.
        labels: index of the true class, of shape `logits.shape[:-1]`.
        class_weights: factor of the loss of each class's examples.
        mask: False where an example doesn't count.
        label_smoothing: the share of the uniform distribution in the targets.
        z_loss: weight of the squared log normaliser.
        reduction: "mean", "sum" or "none".
    """
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if gather:
        loss = -jnp.take_along_axis(log_probs, labels[..., None], axis=-1)[..., 0]
        if label_smoothing > 0:
            uniform = -jnp.mean(log_probs, axis=-1)
            loss = (1.0 - label_smoothing) * loss + label_smoothing * uniform
    else:
        targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        if label_smoothing > 0:
            targets = smooth_labels(targets, label_smoothing)
        loss = -jnp.sum(targets * log_probs, axis=-1)
    if z_loss is not None:
        # Keep the normaliser near one.
        log_z = jax.nn.logsumexp(logits, axis=-1)
        loss = loss + z_loss * jnp.square(log_z)
    if class_weights is not None:
        loss = loss * class_weights[labels]
    if mask is not None:
        mask = mask.astype(loss.dtype)
        loss = loss * mask
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1.0)
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    "elementwise",
    logits="n c in -4..4",
    targets="n c in 0..1",
    pos_weight="? c in 0.5..3",
    weights="? n in 0.2..2",
    label_smoothing={0.0: 4, 0.1: 1, 0.05: 1},
    form=decided(("softplus", "log_sigmoid", "max")),
    reduction={"mean": 5, "sum_classes": 2, "none": 3},
    sizes={"c": (4, 5, 6, 8, 10), "n": (4, 5, 6, 8, 12)},
)
def binary_cross_entropy(
    logits,
    targets,
    pos_weight=None,
    weights=None,
    *,
    label_smoothing=0.0,
    form="softplus",
    reduction="mean",
):
    """Binary cross-entropy of logits, stable for large ones.

    Args:
        logits: log-odds of each label, of shape (examples, labels).
        targets: probabilities of the labels.
        pos_weight: factor of the positive term of each label.
        weights: factor of each example's loss.
    """
    if label_smoothing > 0:
        targets = targets * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if pos_weight is not None:
        if form == "log_sigmoid":
            positive = pos_weight * targets * jax.nn.log_sigmoid(logits)
            loss = -(positive + (1.0 - targets) * jax.nn.log_sigmoid(-logits))
        else:
            positive = pos_weight * targets * jax.nn.softplus(-logits)
            loss = positive + (1.0 - targets) * jax.nn.softplus(logits)
    elif form == "softplus":
        loss = jax.nn.softplus(logits) - logits * targets
    elif form == "log_sigmoid":
        log_p = jax.nn.log_sigmoid(logits)
        log_not_p = jax.nn.log_sigmoid(-logits)
        loss = -targets * log_p - (1.0 - targets) * log_not_p
    else:
        loss = jnp.maximum(logits, 0.0) - logits * targets + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    if weights is not None:
        loss = loss * weights[:, None]
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum_classes":
        return jnp.sum(loss, axis=-1)
    else:
        return loss


@family(
    "reduction",
    "elementwise",
    logits="n c in -4..4",
    targets="n c bool",
    mask="? n bool",
    alpha={0.25: 4, None: 2, 0.5: 1},
    gamma={2.0: 4, 1.5: 1, 3.0: 1},
    form=decided(("softplus", "signed", "log_sigmoid")),
    reduction={"mean": 3, "sum": 2, "none": 2, "positives": 2},
    sizes={"c": (4, 5, 6, 8), "n": (4, 5, 6, 8, 12)},
)
def sigmoid_focal_loss(
    logits, targets, mask=None, *, alpha=0.25, gamma=2.0, form="softplus", reduction="mean"
):
    """Focal loss of RetinaNet, for independent binary labels.

    Args:
        logits: of shape (anchors, classes).
        targets: which classes each anchor shows.
        mask: anchors that aren't ignored.
        alpha: weight of the positive labels; the others have `1 - alpha`.
        gamma: exponent of the focusing factor.
    """
    if form == "signed":
        signed = jnp.where(targets, logits, -logits)
        p_t = jax.nn.sigmoid(signed)
        loss = -jax.nn.log_sigmoid(signed)
    else:
        probs = jax.nn.sigmoid(logits)
        p_t = jnp.where(targets, probs, 1.0 - probs)
        if form == "softplus":
            loss = jax.nn.softplus(logits) - logits * targets
        else:
            loss = -jnp.where(targets, jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits))
    loss = (1.0 - p_t) ** gamma * loss
    if alpha is not None:
        loss = jnp.where(targets, alpha, 1.0 - alpha) * loss
    if mask is not None:
        loss = jnp.where(mask[:, None], loss, 0.0)
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    elif reduction == "positives":
        # Normalised by the number of positive labels.
        return jnp.sum(loss) / jnp.maximum(jnp.sum(targets), 1)
    else:
        return loss


@family(
    "reduction",
    logits="n c in -4..4",
    labels="n int c",
    alpha="? c in 0.2..1",
    mask="? n bool",
    gamma={2.0: 4, 1.5: 1, 3.0: 1},
    form=decided({"gather": 3, "one_hot": 2, "index": 1}),
    reduction={"mean": 4, "sum": 1, "none": 2},
    sizes={"c": (4, 5, 6, 8, 10)},
)
def focal_loss(
    logits, labels, alpha=None, mask=None, *, gamma=2.0, form="gather", reduction="mean"
):
    """Focal loss of several classes: cross-entropy times `(1 - pt) ** gamma`.

    Args:
        logits: scores of shape (examples, classes).
        labels: integer class of each example.
        alpha: weight of each class.
        mask: which examples count.
        gamma: how strongly easy examples are weighed down.
    """
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if form == "gather":
        log_pt = jnp.take_along_axis(log_probs, labels[:, None], axis=-1).squeeze(-1)
    elif form == "index":
        log_pt = log_probs[jnp.arange(logits.shape[0]), labels]
    else:
        one_hot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        log_pt = jnp.sum(one_hot * log_probs, axis=-1)
    pt = jnp.exp(log_pt)
    loss = -((1.0 - pt) ** gamma) * log_pt
    if alpha is not None:
        loss = alpha[labels] * loss
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    logits="n c in -4..4",
    labels_a="n int c",
    labels_b="n int c",
    lam="n in 0.1..0.9",
    weights="? n in 0.2..2",
    form=decided({"two_losses": 3, "targets": 3, "gather": 1}),
    label_smoothing={0.0: 4, 0.1: 2},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"c": (4, 5, 6, 8, 10)},
)
def mixup_loss(
    logits,
    labels_a,
    labels_b,
    lam,
    weights=None,
    *,
    form="two_losses",
    label_smoothing=0.0,
    reduction="mean",
):
    """Mixup cross-entropy: each example is a mix of two, with the classes of both.

    Args:
        logits: of shape (examples, classes).
        labels_a: class of the first example of each mix.
        labels_b: class of the second one.
        lam: share of the first example.
        weights: factor of each mix's loss.
    """
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if form == "targets":
        num_classes = logits.shape[-1]
        one_hot_a = jax.nn.one_hot(labels_a, num_classes)
        one_hot_b = jax.nn.one_hot(labels_b, num_classes)
        targets = lam[:, None] * one_hot_a + (1.0 - lam[:, None]) * one_hot_b
        if label_smoothing > 0:
            targets = smooth_labels(targets, label_smoothing)
        loss = -jnp.sum(targets * log_probs, axis=-1)
    else:
        if form == "gather":
            loss_a = -jnp.take_along_axis(log_probs, labels_a[:, None], axis=-1)[:, 0]
            loss_b = -jnp.take_along_axis(log_probs, labels_b[:, None], axis=-1)[:, 0]
        else:
            rows = jnp.arange(logits.shape[0])
            loss_a = -log_probs[rows, labels_a]
            loss_b = -log_probs[rows, labels_b]
        loss = lam * loss_a + (1.0 - lam) * loss_b
        if label_smoothing > 0:
            loss = (1.0 - label_smoothing) * loss - label_smoothing * jnp.mean(log_probs, axis=-1)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    logits="b t c in -4..4",
    tokens="b t int c",
    mask="? b t bool",
    pad_id={None: 2, 0: 3},
    z_loss={None: 3, 1e-4: 1},
    softcap={None: 4, 30.0: 1},
    per_sequence={False: 3, True: 1},
    sizes={"b": (2, 3, 4), "t": (4, 5, 6, 8), "c": (6, 8, 10, 12)},
    only="float32",
)
def next_token_loss(
    logits, tokens, mask=None, *, pad_id=None, z_loss=None, softcap=None, per_sequence=False
):
    """Cross-entropy of each token with the prediction from those before it.

    Args:
        logits: predictions of shape (batch, time, vocabulary).
        tokens: token ids of shape (batch, time).
        mask: which tokens are predicted; the others don't count.
        pad_id: the token that fills short sequences.
        z_loss: weight of the squared log normaliser.
    """
    if softcap is not None:
        logits = softcap * jnp.tanh(logits / softcap)
    # The last position has nothing to predict.
    logits = logits[:, :-1]
    targets = tokens[:, 1:]
    log_z = jax.nn.logsumexp(logits, axis=-1)
    label_logits = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    loss = log_z - label_logits
    if z_loss is not None:
        loss = loss + z_loss * jnp.square(log_z)
    if pad_id is not None:
        valid = targets != pad_id
        if mask is not None:
            valid = valid & mask[:, 1:]
        valid = valid.astype(loss.dtype)
        if per_sequence:
            count = jnp.maximum(jnp.sum(valid, axis=-1), 1.0)
            return jnp.sum(loss * valid, axis=-1) / count
        return jnp.sum(loss * valid) / jnp.maximum(jnp.sum(valid), 1.0)
    elif mask is not None:
        valid = mask[:, 1:].astype(loss.dtype)
        if per_sequence:
            count = jnp.maximum(jnp.sum(valid, axis=-1), 1.0)
            return jnp.sum(loss * valid, axis=-1) / count
        return jnp.sum(loss * valid) / jnp.maximum(jnp.sum(valid), 1.0)
    elif per_sequence:
        return jnp.mean(loss, axis=-1)
    else:
        return jnp.mean(loss)


@family(
    "reduction",
    logits="b n c in -3..3",
    labels="b n int c",
    class_weights="? c in 0.5..2",
    squared={False: 3, True: 1},
    skip_background={False: 3, True: 1},
    per_image=(True, False),
    form=decided({"one_minus": 4, "log": 1, "log_cosh": 1}),
    smooth={1.0: 3, 1e-5: 2},
    sizes={"b": (2, 3, 4), "n": (6, 8, 12, 16), "c": (4, 5, 6)},
)
def dice_loss(
    logits,
    labels,
    class_weights=None,
    *,
    squared=False,
    skip_background=False,
    per_image=True,
    form="one_minus",
    smooth=1.0,
):
    """Soft Dice loss of a segmentation, averaged over the classes.

    Args:
        logits: scores of shape (batch, pixels, classes).
        labels: integer class of each pixel.
        class_weights: factor of each class's loss.
        smooth: what is added to both sides of the ratio.
    """
    probs = jax.nn.softmax(logits, axis=-1)
    targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    if per_image:
        axes = 1
    else:
        axes = (0, 1)
    intersection = jnp.sum(probs * targets, axis=axes)
    if squared:
        cardinality = jnp.sum(jnp.square(probs) + targets, axis=axes)
    else:
        cardinality = jnp.sum(probs + targets, axis=axes)
    dice = (2.0 * intersection + smooth) / (cardinality + smooth)
    if form == "log":
        loss = -jnp.log(dice)
    elif form == "log_cosh":
        loss = jnp.log(jnp.cosh(1.0 - dice))
    else:
        loss = 1.0 - dice
    if class_weights is not None:
        loss = loss * class_weights
    if skip_background:
        # Class 0 is the background.
        loss = loss[..., 1:]
    return jnp.mean(loss)


@family(
    "reduction",
    logits="b n c in -3..3",
    labels="b n int c",
    class_weights="? c in 0.5..2",
    mask="? b n bool",
    ce_weight={1.0: 2, 0.5: 2},
    gather=decided((True, False)),
    squared={False: 3, True: 1},
    skip_background={False: 3, True: 1},
    sizes={"b": (2, 3, 4), "n": (6, 8, 12, 16), "c": (4, 5, 6)},
)
def dice_ce_loss(
    logits,
    labels,
    class_weights=None,
    mask=None,
    *,
    ce_weight=1.0,
    gather=True,
    squared=False,
    skip_background=False,
):
    """Soft Dice loss plus cross-entropy, as segmentation networks are trained with.

    Args:
        logits: scores of shape (batch, pixels, classes).
        labels: integer class of each pixel.
        class_weights: factor of each class in the cross-entropy.
        mask: pixels that are labelled.
    """
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    if gather:
        ce = -jnp.take_along_axis(log_probs, labels[..., None], axis=-1)[..., 0]
    else:
        ce = -jnp.sum(targets * log_probs, axis=-1)
    if class_weights is not None:
        ce = ce * class_weights[labels]
    probs = jnp.exp(log_probs)
    if mask is not None:
        valid = mask.astype(logits.dtype)
        ce_loss = jnp.sum(ce * valid) / jnp.maximum(jnp.sum(valid), 1.0)
        probs = probs * valid[..., None]
        targets = targets * valid[..., None]
    else:
        ce_loss = jnp.mean(ce)
    intersection = jnp.sum(probs * targets, axis=1)
    if squared:
        cardinality = jnp.sum(jnp.square(probs) + targets, axis=1)
    else:
        cardinality = jnp.sum(probs + targets, axis=1)
    dice = (2.0 * intersection + 1.0) / (cardinality + 1.0)
    if skip_background:
        # Class 0 is the background.
        dice = dice[:, 1:]
    if ce_weight != 1.0:
        ce_loss = ce_weight * ce_loss
    return 1.0 - jnp.mean(dice) + ce_loss


@family(
    "reduction",
    logits="b n c in -3..3",
    labels="b n int c",
    class_weights="? c in 0.5..2",
    beta={0.7: 3, 0.5: 1, 0.6: 1},
    focal={False: 3, True: 2},
    skip_background={False: 3, True: 1},
    per_image=(True, False),
    spelling=decided(("products", "sums")),
    smooth={1.0: 3, 1e-3: 2},
    sizes={"b": (2, 3, 4), "n": (6, 8, 12, 16), "c": (4, 5, 6)},
)
def tversky_loss(
    logits,
    labels,
    class_weights=None,
    *,
    beta=0.7,
    focal=False,
    skip_background=False,
    per_image=True,
    spelling="products",
    smooth=1.0,
):
    """Tversky loss of a segmentation, averaged over the classes.

    Args:
        logits: scores of shape (batch, pixels, classes).
        labels: integer class of each pixel.
        class_weights: factor of each class's loss.
        beta: weight of false negatives; false positives have `1 - beta`.
        smooth: what is added to both sides of the ratio.
    """
    probs = jax.nn.softmax(logits, axis=-1)
    targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    if per_image:
        axes = 1
    else:
        axes = (0, 1)
    tp = jnp.sum(probs * targets, axis=axes)
    if spelling == "products":
        fp = jnp.sum(probs * (1.0 - targets), axis=axes)
        fn = jnp.sum((1.0 - probs) * targets, axis=axes)
    else:
        fp = jnp.sum(probs, axis=axes) - tp
        fn = jnp.sum(targets, axis=axes) - tp
    index = (tp + smooth) / (tp + (1.0 - beta) * fp + beta * fn + smooth)
    loss = 1.0 - index
    if focal:
        # Focal Tversky loss, with gamma = 4/3.
        loss = loss**0.75
    if class_weights is not None:
        loss = loss * class_weights
    if skip_background:
        # Class 0 is the background.
        loss = loss[..., 1:]
    return jnp.mean(loss)


@family(
    "reduction",
    logits="b n c in -3..3",
    labels="b n int c",
    mask="? b n bool",
    class_weights="? c in 0.5..2",
    per_image=(True, False),
    form=decided({"one_minus": 4, "log": 2}),
    union=decided({"inclusion": 3, "max": 1}),
    skip_background={False: 3, True: 1},
    smooth={1.0: 3, 1e-3: 2},
    sizes={"b": (2, 3, 4), "n": (6, 8, 12, 16), "c": (4, 5, 6)},
    weight=6,
)
def jaccard_loss(
    logits,
    labels,
    mask=None,
    class_weights=None,
    *,
    per_image=True,
    form="one_minus",
    union="inclusion",
    skip_background=False,
    smooth=1.0,
):
    """Soft Jaccard (IoU) loss of a segmentation, averaged over the classes.

    Args:
        logits: scores of shape (batch, pixels, classes).
        labels: integer class of each pixel.
        mask: pixels that are labelled.
        class_weights: factor of each class's loss.
        smooth: what is added to both sides of the ratio.
    """
    probs = jax.nn.softmax(logits, axis=-1)
    targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    if mask is not None:
        probs = probs * mask[..., None]
        targets = targets * mask[..., None]
    if per_image:
        axes = 1
    else:
        axes = (0, 1)
    intersection = jnp.sum(probs * targets, axis=axes)
    if union == "inclusion":
        total = jnp.sum(probs, axis=axes) + jnp.sum(targets, axis=axes)
        iou = (intersection + smooth) / (total - intersection + smooth)
    else:
        iou = (intersection + smooth) / (jnp.sum(jnp.maximum(probs, targets), axis=axes) + smooth)
    if form == "log":
        loss = -jnp.log(iou)
    else:
        loss = 1.0 - iou
    if class_weights is not None:
        loss = loss * class_weights
    if skip_background:
        # Class 0 is the background.
        loss = loss[..., 1:]
    return jnp.mean(loss)


@family(
    "reduction",
    "elementwise",
    "branch",
    predictions="... n",
    targets="... n",
    weights="? ... n in 0.2..2",
    mask="? ... n bool",
    spelling=decided({"where": 4, "minimum": 3, "smooth_l1": 2, "clip": 1}),
    delta={0.5: 2, 1.35: 2, 2.0: 1, 1.5: 1},
    reduction={"mean": 4, "sum": 1, "none": 3},
)
def huber_loss(
    predictions,
    targets,
    weights=None,
    mask=None,
    *,
    spelling="where",
    delta=1.35,
    reduction="mean",
):
    """Huber loss: quadratic for small errors and linear for large ones.

    Args:
        predictions: predicted values.
        targets: true values, of the same shape.
        weights: factor of each value's loss.
        mask: which values are known.
        delta: the error from which the loss is linear.
    """
    error = predictions - targets
    abs_error = jnp.abs(error)
    if spelling == "where":
        linear = delta * (abs_error - 0.5 * delta)
        loss = jnp.where(abs_error <= delta, 0.5 * jnp.square(error), linear)
    elif spelling == "minimum":
        quadratic = jnp.minimum(abs_error, delta)
        loss = 0.5 * jnp.square(quadratic) + delta * (abs_error - quadratic)
    elif spelling == "smooth_l1":
        # Scaled by 1 / delta, as in the smooth L1 loss.
        loss = jnp.where(abs_error < delta, 0.5 * error**2 / delta, abs_error - 0.5 * delta)
    else:
        clipped = jnp.clip(error, -delta, delta)
        loss = clipped * (error - 0.5 * clipped)
    if weights is not None:
        loss = loss * weights
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        elif weights is not None:
            return jnp.sum(loss) / jnp.sum(weights)
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    "elementwise",
    "branch",
    predictions="... n",
    targets="... n",
    scale="? in 0.5..2",
    weights="? ... n in 0.2..2",
    mask="? ... n bool",
    kind={
        "pseudo_huber": 3,
        "charbonnier": 2,
        "cauchy": 3,
        "geman_mcclure": 2,
        "welsch": 2,
        "tukey": 2,
    },
    reduction={"mean": 4, "sum": 2, "none": 2},
)
def robust_loss(
    predictions, targets, scale=None, weights=None, mask=None, *, kind="cauchy", reduction="mean"
):
    """Robust regression loss, in which outliers count less than by their squares.

    Args:
        predictions: predicted values.
        targets: true values, of the same shape.
        scale: size of a residual that is ordinary.
        weights: factor of each value's loss.
        mask: which values are known.
    """
    residual = predictions - targets
    if scale is not None:
        residual = residual / scale
    if kind == "pseudo_huber":
        loss = jnp.sqrt(1.0 + jnp.square(residual)) - 1.0
    elif kind == "charbonnier":
        # Charbonnier's smooth L1.
        loss = jnp.sqrt(jnp.square(residual) + 1e-3)
    elif kind == "cauchy":
        # Cauchy, or Lorentzian.
        loss = jnp.log1p(0.5 * jnp.square(residual))
    elif kind == "geman_mcclure":
        # Geman-McClure.
        squared = jnp.square(residual)
        loss = 2.0 * squared / (squared + 4.0)
    elif kind == "welsch":
        # Welsch, or Leclerc.
        loss = 1.0 - jnp.exp(-0.5 * jnp.square(residual))
    else:
        # Tukey's biweight.
        c = 4.685
        inside = 1.0 - (1.0 - jnp.square(residual / c)) ** 3
        loss = c**2 / 6.0 * jnp.where(jnp.abs(residual) <= c, inside, 1.0)
    if weights is not None:
        loss = loss * weights
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        elif weights is not None:
            return jnp.sum(loss) / jnp.sum(weights)
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    "elementwise",
    predictions="... n",
    targets="... n",
    weights="? ... n in 0.2..2",
    mask="? ... n bool",
    spelling=decided({"softplus": 3, "logaddexp": 2, "cosh": 2, "log1p": 1}),
    reduction={"mean": 4, "sum": 1, "none": 2},
    weight=5,
)
def log_cosh_loss(
    predictions, targets, weights=None, mask=None, *, spelling="softplus", reduction="mean"
):
    """Logarithm of the hyperbolic cosine of the errors."""
    error = predictions - targets
    if spelling == "softplus":
        # Written so that large errors don't overflow.
        loss = error + jax.nn.softplus(-2.0 * error) - jnp.log(2.0)
    elif spelling == "logaddexp":
        loss = jnp.logaddexp(error, -error) - jnp.log(2.0)
    elif spelling == "log1p":
        size = jnp.abs(error)
        loss = size + jnp.log1p(jnp.exp(-2.0 * size)) - jnp.log(2.0)
    else:
        loss = jnp.log(jnp.cosh(error))
    if weights is not None:
        loss = loss * weights
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


# ---------------------------------------------------------------- regression


@family(
    "reduction",
    predictions="n k",
    targets="n",
    quantiles="k in 0.05..0.95",
    weights="? n in 0.2..2",
    form=decided({"maximum": 3, "where": 2, "huber": 2, "softplus": 1}),
    crossing_penalty={None: 4, 5.0: 1, 10.0: 1},
    reduction={"mean": 3, "none": 2},
    over=decided({"sum": 2, "mean": 2}),
    sizes={"k": (4, 5, 7)},
)
def quantile_loss(
    predictions,
    targets,
    quantiles,
    weights=None,
    *,
    form="maximum",
    crossing_penalty=None,
    reduction="mean",
    over="mean",
):
    """Pinball loss of several predicted quantiles.

    Args:
        predictions: of shape (examples, quantiles).
        targets: the true values, of shape (examples,).
        quantiles: level of each column of the predictions.
        weights: factor of each example's loss.
    """
    error = targets[:, None] - predictions
    if form == "huber":
        # The quantile Huber loss of QR-DQN.
        abs_error = jnp.abs(error)
        huber = jnp.where(abs_error <= 1.0, 0.5 * jnp.square(error), abs_error - 0.5)
        loss = jnp.where(error >= 0, quantiles, 1.0 - quantiles) * huber
    elif form == "softplus":
        # A smooth pinball loss.
        loss = quantiles * error + 0.1 * jax.nn.softplus(-error / 0.1)
    elif form == "maximum":
        loss = jnp.maximum(quantiles * error, (quantiles - 1.0) * error)
    else:
        loss = jnp.where(error >= 0, quantiles, quantiles - 1.0) * error
    if over == "sum":
        loss = jnp.sum(loss, axis=-1)
    else:
        loss = jnp.mean(loss, axis=-1)
    if crossing_penalty is not None:
        # Quantiles must not decrease with their level.
        crossing = jax.nn.relu(predictions[:, :-1] - predictions[:, 1:])
        loss = loss + crossing_penalty * jnp.mean(crossing, axis=-1)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    else:
        return loss


@family(
    "reduction",
    scores="n c",
    labels="n int c",
    class_weights="? c in 0.5..2",
    kind={"crammer_singer": 3, "weston_watkins": 3, "one_vs_rest": 2, "multi_margin": 1},
    power={1: 3, 2: 2},
    margin={1.0: 4, 0.5: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"c": (4, 5, 6, 8), "n": (6, 8, 12, 16)},
)
def hinge_loss(
    scores,
    labels,
    class_weights=None,
    *,
    kind="crammer_singer",
    power=1,
    margin=1.0,
    reduction="mean",
):
    """Hinge loss of several classes.

    Args:
        scores: of shape (examples, classes).
        labels: integer class of each example.
        class_weights: factor of the loss of each class's examples.
        margin: by how much the right class should win.
    """
    n, num_classes = scores.shape
    one_hot = jax.nn.one_hot(labels, num_classes)
    if kind == "one_vs_rest":
        signs = 2.0 * one_hot - 1.0
        violations = jax.nn.relu(margin - signs * scores)
        if power == 2:
            violations = jnp.square(violations)
        loss = jnp.sum(violations, axis=-1)
    else:
        correct = scores[jnp.arange(n), labels]
        if kind == "crammer_singer":
            # Crammer and Singer: only the strongest other class counts.
            others = jnp.where(one_hot > 0, -jnp.inf, scores)
            loss = jax.nn.relu(margin + jnp.max(others, axis=-1) - correct)
            if power == 2:
                loss = jnp.square(loss)
        else:
            violations = jax.nn.relu(margin + scores - correct[:, None]) * (1.0 - one_hot)
            if power == 2:
                violations = jnp.square(violations)
            if kind == "multi_margin":
                loss = jnp.mean(violations, axis=-1)
            else:
                loss = jnp.sum(violations, axis=-1)
    if class_weights is not None:
        loss = loss * class_weights[labels]
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    "elementwise",
    targets="n d",
    mean="n d",
    scale="n d in -1.5..1.5",
    mask="? n d bool",
    scale_of=decided({"log_var": 4, "log_std": 2, "softplus": 3, "var": 2}),
    full={False: 2, True: 2},
    beta={None: 4, 0.5: 1},
    reduction={"mean": 4, "sum": 3, "none": 2},
    sizes={"n": (4, 5, 6, 8, 10), "d": (4, 5, 6, 8)},
)
def gaussian_nll(
    targets,
    mean,
    scale,
    mask=None,
    *,
    scale_of="log_var",
    full=False,
    beta=None,
    reduction="mean",
):
    """Gaussian negative log-likelihood with a predicted mean and spread.

    Args:
        targets: observed values.
        mean: predicted mean of each value.
        scale: unconstrained prediction of each value's spread.
        mask: which values are observed.
    """
    if scale_of == "log_var":
        var = jnp.exp(scale)
        nll = 0.5 * (scale + jnp.square(targets - mean) * jnp.exp(-scale))
    elif scale_of == "log_std":
        var = jnp.exp(2.0 * scale)
        nll = scale + 0.5 * jnp.square(targets - mean) / var
    elif scale_of == "softplus":
        std = jax.nn.softplus(scale) + 1e-3
        var = jnp.square(std)
        nll = jnp.log(std) + 0.5 * jnp.square((targets - mean) / std)
    else:
        var = jax.nn.softplus(scale) + 1e-3
        nll = 0.5 * (jnp.log(var) + jnp.square(targets - mean) / var)
    if full:
        nll = nll + 0.5 * jnp.log(2.0 * jnp.pi)
    if beta is not None:
        # Beta-NLL: weigh by the variance, so that uncertain targets are still fitted.
        nll = nll * jax.lax.stop_gradient(var**beta)
    if mask is not None:
        nll = nll * mask
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(nll) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(nll)
    elif reduction == "sum":
        return jnp.sum(nll, axis=-1)
    else:
        return nll


# ---------------------------------------------------------------- likelihoods


@family(
    "reduction",
    "elementwise",
    targets="n d",
    mean="n d",
    scale="n d in -1.5..1.5",
    mask="? n d bool",
    kind={"laplace": 2, "student_t": 3, "logistic": 2, "cauchy": 1},
    scale_of=decided({"log": 3, "softplus": 3}),
    reduction={"mean": 4, "sum": 3, "none": 2},
    sizes={"n": (4, 5, 6, 8, 10), "d": (4, 5, 6, 8)},
)
def location_scale_nll(
    targets, mean, scale, mask=None, *, kind="student_t", scale_of="log", reduction="mean"
):
    """Negative log-likelihood of values whose location and scale are predicted.

    Args:
        targets: observed values.
        mean: predicted location of each value.
        scale: unconstrained prediction of each value's scale.
        mask: which values are observed.
    """
    if scale_of == "log":
        log_scale = scale
        z = (targets - mean) * jnp.exp(-scale)
    else:
        sigma = jax.nn.softplus(scale) + 1e-3
        log_scale = jnp.log(sigma)
        z = (targets - mean) / sigma
    if kind == "laplace":
        # Laplace distribution.
        nll = jnp.abs(z) + log_scale + jnp.log(2.0)
    elif kind == "student_t":
        # Student's t with four degrees of freedom.
        nll = 2.5 * jnp.log1p(jnp.square(z) / 4.0) + log_scale + jnp.log(8.0 / 3.0)
    elif kind == "logistic":
        # Logistic distribution.
        nll = z + 2.0 * jax.nn.softplus(-z) + log_scale
    else:
        # Cauchy distribution.
        nll = jnp.log1p(jnp.square(z)) + log_scale + jnp.log(jnp.pi)
    if mask is not None:
        nll = nll * mask
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(nll) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(nll)
    elif reduction == "sum":
        return jnp.sum(nll, axis=-1)
    else:
        return nll


@family(
    "reduction",
    targets="n d",
    logits="n k",
    means="n k d",
    log_scales="n k d in -1..1",
    weights="? n in 0.2..2",
    component={"gaussian": 4, "laplace": 2, "logistic": 1},
    scale_of=decided({"log": 3, "softplus": 2}),
    form=decided({"log_softmax": 3, "two_logsumexps": 2}),
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6, 8), "d": (2, 4, 5), "k": (2, 4, 5)},
    only="float32",
)
def mixture_density_nll(
    targets,
    logits,
    means,
    log_scales,
    weights=None,
    *,
    component="gaussian",
    scale_of="log",
    form="log_softmax",
    reduction="mean",
):
    """Negative log-likelihood of a mixture density network.

    Args:
        targets: observed vectors, of shape (n, d).
        logits: unnormalised log weights of the components, of shape (n, k).
        means: of shape (n, k, d).
        log_scales: unconstrained scales of the components, of shape (n, k, d).
        weights: factor of each observation.
    """
    if scale_of == "softplus":
        scales = jax.nn.softplus(log_scales) + 1e-3
        z = (targets[:, None, :] - means) / scales
        log_scales = jnp.log(scales)
    else:
        z = (targets[:, None, :] - means) * jnp.exp(-log_scales)
    if component == "gaussian":
        log_density = -0.5 * jnp.square(z) - log_scales - 0.5 * jnp.log(2.0 * jnp.pi)
    elif component == "laplace":
        # Laplace components.
        log_density = -jnp.abs(z) - log_scales - jnp.log(2.0)
    else:
        # Logistic components.
        log_density = -z - 2.0 * jax.nn.softplus(-z) - log_scales
    if form == "log_softmax":
        log_weights = jax.nn.log_softmax(logits, axis=-1)
        joint = log_weights + jnp.sum(log_density, axis=-1)
        nll = -jax.nn.logsumexp(joint, axis=-1)
    else:
        joint = logits + jnp.sum(log_density, axis=-1)
        nll = jax.nn.logsumexp(logits, axis=-1) - jax.nn.logsumexp(joint, axis=-1)
    if weights is not None:
        nll = nll * weights
    if reduction == "mean":
        return jnp.mean(nll)
    elif reduction == "sum":
        return jnp.sum(nll)
    else:
        return nll


@family(
    "reduction",
    "elementwise",
    "multi_statement",
    targets="n",
    gamma="n",
    nu="n",
    alpha="n",
    beta="n",
    mask="? n bool",
    positive=decided({"softplus": 3, "exp": 1}),
    regularise={True: 3, False: 1},
    coefficient={0.01: 2, 0.1: 2, 0.2: 1},
    reduction={"mean": 4, "sum": 1, "none": 2},
    only="float32",
)
def evidential_regression(
    targets,
    gamma,
    nu,
    alpha,
    beta,
    mask=None,
    *,
    positive="softplus",
    regularise=True,
    coefficient=0.01,
    reduction="mean",
):
    """Loss of deep evidential regression, with a normal-inverse-gamma prior.

    Args:
        targets: observed values.
        gamma: predicted mean.
        nu: virtual observations of the mean, before the positive activation.
        alpha: shape of the inverse gamma, before the positive activation.
        beta: scale of the inverse gamma, before the positive activation.
        mask: which values are observed.
    """
    if positive == "softplus":
        nu = jax.nn.softplus(nu) + 1e-3
        alpha = jax.nn.softplus(alpha) + 1.0
        beta = jax.nn.softplus(beta) + 1e-3
    else:
        nu = jnp.exp(nu)
        alpha = jnp.exp(alpha) + 1.0
        beta = jnp.exp(beta)
    error = targets - gamma
    omega = 2.0 * beta * (1.0 + nu)
    loss = 0.5 * jnp.log(jnp.pi / nu) - alpha * jnp.log(omega)
    loss = loss + (alpha + 0.5) * jnp.log(nu * jnp.square(error) + omega)
    loss = loss + jax.scipy.special.gammaln(alpha) - jax.scipy.special.gammaln(alpha + 0.5)
    if regularise:
        # Evidence for wrong predictions costs.
        evidence = 2.0 * nu + alpha
        loss = loss + coefficient * jnp.abs(error) * evidence
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    logits="n c",
    labels="n int c",
    mask="? n bool",
    evidence={"softplus": 3, "relu": 1, "exp": 2},
    kind={"mse": 3, "digamma": 3, "log": 2},
    kl_weight={None: 2, 0.1: 2, 0.5: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"c": (4, 5, 6, 8), "n": (4, 5, 6, 8, 12)},
    only="float32",
)
def dirichlet_loss(
    logits,
    labels,
    mask=None,
    *,
    evidence="softplus",
    kind="mse",
    kl_weight=None,
    reduction="mean",
):
    """Loss of evidential deep learning: the network predicts a Dirichlet distribution.

    Args:
        logits: outputs of the network, before they become evidence.
        labels: integer class of each example.
        mask: which examples count.
    """
    num_classes = logits.shape[-1]
    if evidence == "softplus":
        concentration = jax.nn.softplus(logits) + 1.0
    elif evidence == "relu":
        concentration = jax.nn.relu(logits) + 1.0
    else:
        concentration = jnp.exp(jnp.clip(logits, -10.0, 10.0)) + 1.0
    targets = jax.nn.one_hot(labels, num_classes, dtype=logits.dtype)
    strength = jnp.sum(concentration, axis=-1, keepdims=True)
    if kind == "mse":
        # Expected squared error of the class probabilities.
        mean = concentration / strength
        var = mean * (1.0 - mean) / (strength + 1.0)
        loss = jnp.sum(jnp.square(targets - mean) + var, axis=-1)
    elif kind == "digamma":
        # Expected cross-entropy.
        expected = jax.scipy.special.digamma(strength) - jax.scipy.special.digamma(concentration)
        loss = jnp.sum(targets * expected, axis=-1)
    else:
        # Type II maximum likelihood.
        loss = jnp.sum(targets * (jnp.log(strength) - jnp.log(concentration)), axis=-1)
    if kl_weight is not None:
        # Evidence for the wrong classes should vanish.
        wrong = targets + (1.0 - targets) * concentration
        total = jnp.sum(wrong, axis=-1)
        kl = jax.scipy.special.gammaln(total) - jax.scipy.special.gammaln(float(num_classes))
        kl = kl - jnp.sum(jax.scipy.special.gammaln(wrong), axis=-1)
        centred = jax.scipy.special.digamma(wrong) - jax.scipy.special.digamma(total)[:, None]
        loss = loss + kl_weight * (kl + jnp.sum((wrong - 1.0) * centred, axis=-1))
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


def kl_from_log_probs(log_p, log_q):
    """KL divergence of the second distribution from the first."""
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


@family(
    "reduction",
    p_logits="... n c in -3..3",
    q_logits="... n c in -3..3",
    mask="? ... n bool",
    spelling=decided({"helper": 3, "cross_entropy": 2, "softmax": 2}),
    temperature={1.0: 4, 2.0: 1, 0.5: 1},
    reduction={"mean": 3, "batchmean": 1, "none": 2},
    sizes={"c": (4, 5, 6, 8), "n": (4, 5, 6, 8)},
)
def kl_divergence(
    p_logits, q_logits, mask=None, *, spelling="helper", temperature=1.0, reduction="mean"
):
    """Kullback-Leibler divergence KL(p || q) of categorical distributions.

    Args:
        p_logits: logits of p, with the classes last.
        q_logits: logits of q.
        mask: which distributions count.
    """
    if temperature != 1.0:
        p_logits = p_logits / temperature
        q_logits = q_logits / temperature
    log_q = jax.nn.log_softmax(q_logits, axis=-1)
    if spelling == "softmax":
        p = jax.nn.softmax(p_logits, axis=-1)
        value = jnp.sum(p * (jnp.log(p) - log_q), axis=-1)
    else:
        log_p = jax.nn.log_softmax(p_logits, axis=-1)
        if spelling == "helper":
            value = kl_from_log_probs(log_p, log_q)
        else:
            p = jnp.exp(log_p)
            entropy = -jnp.sum(p * log_p, axis=-1)
            value = -jnp.sum(p * log_q, axis=-1) - entropy
    if mask is not None:
        value = jnp.where(mask, value, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(value) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(value)
    elif reduction == "batchmean":
        return jnp.sum(value) / p_logits.shape[0]
    else:
        return value


@family(
    "reduction",
    p_logits="... n c in -3..3",
    q_logits="... n c in -3..3",
    mask="? ... n bool",
    spelling=decided({"logaddexp": 3, "probs": 3, "entropy": 1}),
    bits={False: 3, True: 1},
    reduction={"mean": 3, "none": 2},
    sizes={"c": (4, 5, 6, 8), "n": (4, 5, 6, 8)},
)
def js_divergence(
    p_logits, q_logits, mask=None, *, spelling="logaddexp", bits=False, reduction="mean"
):
    """Jensen-Shannon divergence of categorical distributions that are given by logits."""
    log_p = jax.nn.log_softmax(p_logits, axis=-1)
    log_q = jax.nn.log_softmax(q_logits, axis=-1)
    if spelling == "logaddexp":
        log_m = jnp.logaddexp(log_p, log_q) - jnp.log(2.0)
        value = 0.5 * (kl_from_log_probs(log_p, log_m) + kl_from_log_probs(log_q, log_m))
    elif spelling == "probs":
        p, q = jnp.exp(log_p), jnp.exp(log_q)
        log_m = jnp.log(0.5 * (p + q))
        kl_p = jnp.sum(p * (log_p - log_m), axis=-1)
        kl_q = jnp.sum(q * (log_q - log_m), axis=-1)
        value = 0.5 * (kl_p + kl_q)
    else:
        # Entropy of the mixture, less the mean entropy.
        p, q = jnp.exp(log_p), jnp.exp(log_q)
        m = 0.5 * (p + q)
        entropies = jnp.sum(p * log_p, axis=-1) + jnp.sum(q * log_q, axis=-1)
        value = 0.5 * entropies - jnp.sum(m * jnp.log(m), axis=-1)
    if bits:
        value = value / jnp.log(2.0)
    if mask is not None:
        value = jnp.where(mask, value, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(value) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(value)
    else:
        return value


@family(
    "reduction",
    p_logits="... n c in -2..2",
    q_logits="... n c in -2..2",
    mask="? ... n bool",
    order={2.0: 3, 0.5: 3, 1.5: 1},
    spelling=decided({"log": 3, "power": 2}),
    reduction={"mean": 3, "none": 2},
    sizes={"c": (4, 5, 6, 8), "n": (4, 5, 6, 8)},
    weight=5,
)
def renyi_divergence(p_logits, q_logits, mask=None, *, order=2.0, spelling="log", reduction="mean"):
    """Renyi divergence of categorical distributions that are given by logits."""
    if spelling == "log":
        log_p = jax.nn.log_softmax(p_logits, axis=-1)
        log_q = jax.nn.log_softmax(q_logits, axis=-1)
        mixed = log_q + order * (log_p - log_q)
        value = jax.nn.logsumexp(mixed, axis=-1) / (order - 1.0)
    else:
        p = jax.nn.softmax(p_logits, axis=-1)
        q = jax.nn.softmax(q_logits, axis=-1)
        total = jnp.sum(q * (p / q) ** order, axis=-1)
        value = jnp.log(total) / (order - 1.0)
    if mask is not None:
        value = jnp.where(mask, value, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(value) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(value)
    else:
        return value


def gaussian_kl(mean, log_var):
    """KL divergence of diagonal normal distributions from the standard one."""
    return 0.5 * (jnp.exp(log_var) + jnp.square(mean) - 1.0 - log_var)


@family(
    "reduction",
    x="n d in 0..1",
    reconstruction="n d",
    mean="n e",
    log_var="n e in -1.5..1.5",
    weights="? n in 0.2..2",
    likelihood={"bernoulli": 4, "gaussian": 3, "laplace": 1},
    beta={1.0: 3, 4.0: 2, 0.5: 1},
    control={"none": 4, "free_bits": 2, "capacity": 1},
    free_bits={0.1: 1, 0.25: 1},
    form=decided({"helper": 3, "inline": 2}),
    sizes={"n": (4, 5, 6, 8), "d": (8, 12, 16), "e": (2, 4, 5, 6)},
)
def elbo_loss(
    x,
    reconstruction,
    mean,
    log_var,
    weights=None,
    *,
    likelihood="bernoulli",
    beta=1.0,
    control="none",
    free_bits=0.1,
    form="helper",
):
    """Loss of a variational autoencoder: reconstruction and divergence from the prior.

    Args:
        x: the data, a row for each example.
        reconstruction: the decoder's output for it.
        mean: mean of the posterior of each example.
        log_var: log variance of the posterior.
        weights: factor of each example's reconstruction.
        beta: weight of the divergence.
        free_bits: divergence that costs nothing, for each latent variable.
    """
    if likelihood == "bernoulli":
        nll = jax.nn.softplus(reconstruction) - x * reconstruction
    elif likelihood == "gaussian":
        nll = 0.5 * jnp.square(x - reconstruction)
    else:
        nll = jnp.abs(x - reconstruction)
    nll = jnp.sum(nll, axis=-1)
    if weights is not None:
        nll = weights * nll
    recon_loss = jnp.mean(nll)
    if form == "helper":
        kl = gaussian_kl(mean, log_var)
    else:
        kl = -0.5 * (1.0 + log_var - jnp.square(mean) - jnp.exp(log_var))
    if control == "free_bits":
        kl_loss = jnp.sum(jnp.maximum(jnp.mean(kl, axis=0), free_bits))
    else:
        kl_loss = jnp.mean(jnp.sum(kl, axis=-1))
        if control == "capacity":
            # Keep the divergence at a given capacity, in nats.
            kl_loss = jnp.abs(kl_loss - 5.0)
    if beta != 1.0:
        kl_loss = beta * kl_loss
    return recon_loss + kl_loss


@family(
    "loop",
    "reduction",
    logits="n k",
    targets="n k in 0.05..1",
    weights="? n in 0.2..2",
    power={2: 4, 1: 2},
    root={False: 2, True: 2},
    summed=decided({"cumsum": 4, "matrix": 1, "difference": 2}),
    reduction={"mean": 3, "sum": 1, "none": 2},
    sizes={"k": (5, 6, 8, 10, 12), "n": (4, 5, 6, 8)},
)
def emd_loss(
    logits, targets, weights=None, *, power=2, root=False, summed="cumsum", reduction="mean"
):
    """Earth mover's distance of predicted histograms of ordered classes, from their CDFs.

    Args:
        logits: scores of the classes, which are in order, of shape (n, classes).
        targets: counts of the classes.
        weights: factor of each histogram's distance.
    """
    probs = jax.nn.softmax(logits, axis=-1)
    targets = targets / jnp.sum(targets, axis=-1, keepdims=True)
    if summed == "cumsum":
        difference = jnp.cumsum(probs, axis=-1) - jnp.cumsum(targets, axis=-1)
    elif summed == "difference":
        difference = jnp.cumsum(probs - targets, axis=-1)
    else:
        # A product with a triangular matrix sums up.
        num_classes = probs.shape[-1]
        upper = jnp.triu(jnp.ones((num_classes, num_classes), dtype=probs.dtype))
        difference = (probs - targets) @ upper
    if power == 1:
        distance = jnp.mean(jnp.abs(difference), axis=-1)
    else:
        distance = jnp.mean(jnp.square(difference), axis=-1)
        if root:
            distance = jnp.sqrt(distance + 1e-8)
    if weights is not None:
        distance = distance * weights
    if reduction == "mean":
        return jnp.mean(distance)
    elif reduction == "sum":
        return jnp.sum(distance)
    else:
        return distance


# ---------------------------------------------------------------- representations


def l2_normalize(x, axis=-1, eps=1e-8):
    """Scales vectors to unit length."""
    return x / jnp.sqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=True) + eps)


@family(
    "reduction",
    queries="n d",
    keys="n d",
    negatives="? m d",
    logit_scale="? in 0..2",
    symmetric={False: 4, True: 4},
    temperature={0.1: 2, 0.07: 1, 0.5: 2, 0.2: 1},
    margin={None: 5, 0.2: 1},
    form=decided({"log_softmax": 3, "logsumexp": 2}),
    reduction={"mean": 4, "none": 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8, 12), "m": (4, 5, 6, 8)},
    only="float32",
)
def contrastive_loss(
    queries,
    keys,
    negatives=None,
    logit_scale=None,
    *,
    symmetric=False,
    temperature=0.1,
    margin=None,
    form="log_softmax",
    reduction="mean",
):
    """InfoNCE loss of paired embeddings, with the other pairs of the batch as negatives.

    Args:
        queries: embeddings, one for each row.
        keys: the embedding that each query belongs to.
        negatives: more embeddings that belong to none.
        logit_scale: log of the factor of the similarities.
    """
    queries = l2_normalize(queries)
    keys = l2_normalize(keys)
    n = queries.shape[0]
    similarity = queries @ keys.T
    if margin is not None:
        # Additive margin: the right pairs must win by it.
        similarity = similarity - margin * jnp.eye(n)
    if negatives is not None:
        negatives = l2_normalize(negatives)
        similarity = jnp.concatenate([similarity, queries @ negatives.T], axis=1)
    if logit_scale is not None:
        similarity = similarity * jnp.exp(logit_scale)
    else:
        similarity = similarity / temperature
    if form == "log_softmax":
        loss = -jnp.diagonal(jax.nn.log_softmax(similarity, axis=1))
    else:
        loss = jax.nn.logsumexp(similarity, axis=1) - jnp.diagonal(similarity)
    if symmetric:
        # The keys look for their queries, too.
        backward = -jnp.diagonal(jax.nn.log_softmax(similarity[:, :n], axis=0))
        loss = 0.5 * (loss + backward)
    if reduction == "mean":
        return jnp.mean(loss)
    else:
        return loss


@family(
    "reduction",
    queries="n d",
    keys="n d",
    log_scale="? in 0..2",
    bias="? in -3..0",
    temperature={0.1: 2, 0.5: 2, 0.2: 1},
    signs=decided({"eye": 3, "where": 2, "parts": 1}),
    reduction={"mean": 3, "per_query": 2},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8, 12)},
    only="float32",
)
def sigmoid_contrastive_loss(
    queries, keys, log_scale=None, bias=None, *, temperature=0.1, signs="eye", reduction="mean"
):
    """SigLIP's loss: it decides for each pair by itself whether it belongs together.

    Args:
        queries: embeddings of one kind, a row each, as of images.
        keys: embeddings of the other kind, in the same order.
        log_scale: log of the factor of the similarities.
        bias: log-odds that are added, as most pairs don't belong together.
    """
    queries = l2_normalize(queries)
    keys = l2_normalize(keys)
    n = queries.shape[0]
    logits = queries @ keys.T
    if log_scale is not None:
        logits = logits * jnp.exp(log_scale)
    else:
        logits = logits / temperature
    if bias is not None:
        logits = logits + bias
    if signs == "eye":
        loss = -jax.nn.log_sigmoid((2.0 * jnp.eye(n) - 1.0) * logits)
    elif signs == "where":
        loss = -jax.nn.log_sigmoid(jnp.where(jnp.eye(n, dtype=bool), logits, -logits))
    else:
        loss = jax.nn.softplus(logits) - jnp.eye(n) * logits
    loss = jnp.sum(loss, axis=1)
    if reduction == "per_query":
        return loss
    else:
        return jnp.mean(loss)


@family(
    "reduction",
    z_a="n d",
    z_b="n d",
    weights="? n in 0.2..2",
    temperature={0.5: 3, 0.1: 1, 0.2: 1},
    positive=decided({"roll": 2, "pair": 2, "mask": 1}),
    decoupled={False: 3, True: 1},
    interleaved=decided({False: 4, True: 1}),
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8, 12)},
    only="float32",
)
def nt_xent(
    z_a,
    z_b,
    weights=None,
    *,
    temperature=0.5,
    positive="roll",
    decoupled=False,
    interleaved=False,
):
    """Normalised temperature-scaled cross-entropy of two views of each example.

    Args:
        z_a: embeddings of the first views.
        z_b: embeddings of the second views.
        weights: factor of each example's loss.
        temperature: what cosine similarities are divided by.
    """
    n = z_a.shape[0]
    if interleaved:
        z = jnp.stack([z_a, z_b], axis=1).reshape(2 * n, -1)
        partner = jnp.arange(2 * n) ^ 1
    else:
        z = jnp.concatenate([z_a, z_b], axis=0)
        if positive == "roll":
            partner = jnp.roll(jnp.arange(2 * n), n)
        else:
            partner = (jnp.arange(2 * n) + n) % (2 * n)
    z = l2_normalize(z)
    similarity = z @ z.T / temperature
    # Nothing is compared with itself.
    own = jnp.eye(2 * n, dtype=bool)
    similarity = jnp.where(own, -1e9, similarity)
    if positive == "mask":
        is_partner = jax.nn.one_hot(partner, 2 * n, dtype=bool)
        positives = jnp.sum(jnp.where(is_partner, similarity, 0.0), axis=1)
    else:
        positives = similarity[jnp.arange(2 * n), partner]
    if decoupled:
        # Decoupled: the positive pair isn't among those it competes with.
        others = jnp.where(jax.nn.one_hot(partner, 2 * n, dtype=bool), -1e9, similarity)
        loss = jax.nn.logsumexp(others, axis=1) - positives
    else:
        loss = jax.nn.logsumexp(similarity, axis=1) - positives
    if weights is not None:
        if interleaved:
            loss = loss * jnp.repeat(weights, 2)
        else:
            loss = loss * jnp.concatenate([weights, weights])
    return jnp.mean(loss)


@family(
    "reduction",
    embeddings="n d",
    labels="n int 3",
    weights="? n in 0.2..2",
    inside={False: 4, True: 1},
    normaliser=decided({"exp": 3, "logsumexp": 2}),
    temperature={0.1: 2, 0.5: 2, 0.2: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (6, 8, 10, 12), "d": (4, 6, 8, 12)},
    only="float32",
)
def supervised_contrastive(
    embeddings,
    labels,
    weights=None,
    *,
    inside=False,
    normaliser="exp",
    temperature=0.1,
    reduction="mean",
):
    """Supervised contrastive loss: all examples of a class belong together.

    Args:
        embeddings: a row for each example.
        labels: integer class of each example.
        weights: factor of each example's loss.
    """
    embeddings = embeddings / jnp.linalg.norm(embeddings, axis=-1, keepdims=True)
    n = embeddings.shape[0]
    logits = embeddings @ embeddings.T / temperature
    not_self = 1.0 - jnp.eye(n)
    same = (labels[:, None] == labels[None, :]) * not_self
    count = jnp.maximum(jnp.sum(same, axis=1), 1.0)
    if normaliser == "exp":
        logits = logits - jax.lax.stop_gradient(jnp.max(logits, axis=1, keepdims=True))
        log_total = jnp.log(jnp.sum(jnp.exp(logits) * not_self, axis=1) + 1e-9)
    else:
        log_total = jax.nn.logsumexp(logits, axis=1, b=not_self)
    log_probs = logits - log_total[:, None]
    if inside:
        # The mean over the positives is inside of the logarithm.
        loss = -jnp.log(jnp.sum(same * jnp.exp(log_probs), axis=1) / count + 1e-9)
    else:
        loss = -jnp.sum(same * log_probs, axis=1) / count
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


def pair_distance(a, b, metric="euclidean", eps=1e-8):
    """Distance of corresponding rows."""
    if metric == "cosine":
        dot = jnp.sum(a * b, axis=-1)
        norms = jnp.linalg.norm(a, axis=-1) * jnp.linalg.norm(b, axis=-1)
        return 1.0 - dot / (norms + eps)
    squared = jnp.sum(jnp.square(a - b), axis=-1)
    if metric == "euclidean":
        return jnp.sqrt(squared + eps)
    return squared


@family(
    "reduction",
    anchor="n d",
    positive="n d",
    negative="n d",
    weights="? n in 0.2..2",
    metric={"euclidean": 4, "squared": 2, "cosine": 2},
    normalise={False: 3, True: 1},
    soft={False: 4, True: 2},
    margin={1.0: 3, 0.2: 2, 0.5: 1},
    swap={False: 3, True: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 6, 8, 12), "d": (4, 6, 8, 12)},
)
def triplet_loss(
    anchor,
    positive,
    negative,
    weights=None,
    *,
    metric="euclidean",
    normalise=False,
    soft=False,
    margin=1.0,
    swap=False,
    reduction="mean",
):
    """Triplet loss: anchors should be nearer to positives than to negatives.

    Args:
        anchor: embeddings of shape (n, d).
        positive: embeddings of the same classes.
        negative: embeddings of other classes.
        weights: factor of each triplet's loss.
        margin: by how much nearer.
        swap: whether the positive may take the anchor's place.
    """
    if normalise:
        anchor = l2_normalize(anchor)
        positive = l2_normalize(positive)
        negative = l2_normalize(negative)
    d_pos = pair_distance(anchor, positive, metric)
    d_neg = pair_distance(anchor, negative, metric)
    if swap:
        d_neg = jnp.minimum(d_neg, pair_distance(positive, negative, metric))
    if soft:
        # Soft margin.
        loss = jax.nn.softplus(d_pos - d_neg)
    else:
        loss = jax.nn.relu(d_pos - d_neg + margin)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


@family(
    "reduction",
    embeddings="n d",
    labels="n int 3",
    squared={False: 2, True: 2},
    mining={"hard": 3, "all": 3, "semi_hard": 2},
    soft={False: 3, True: 1},
    margin={1.0: 2, 0.5: 1, 0.3: 1},
    normalise={False: 3, True: 1},
    expand=decided((False, True)),
    sizes={"n": (6, 7, 8), "d": (4, 6, 8)},
    only="float32",
)
def batch_triplet_loss(
    embeddings,
    labels,
    *,
    squared=False,
    mining="hard",
    soft=False,
    margin=1.0,
    normalise=False,
    expand=True,
):
    """Triplet loss with triplets that are mined in the batch.

    Args:
        embeddings: a row for each example.
        labels: integer class of each example.
    """
    if normalise:
        embeddings = l2_normalize(embeddings)
    if expand:
        products = embeddings @ embeddings.T
        norms = jnp.diagonal(products)
        distances = norms[:, None] + norms[None, :] - 2.0 * products
        distances = jnp.maximum(distances, 0.0)
    else:
        differences = embeddings[:, None, :] - embeddings[None, :, :]
        distances = jnp.sum(jnp.square(differences), axis=-1)
    if not squared:
        distances = jnp.sqrt(distances + 1e-6)
    same = labels[:, None] == labels[None, :]
    positive = same & ~jnp.eye(labels.shape[0], dtype=bool)
    if mining == "hard":
        # Batch hard: the farthest of the same class, and the nearest of the others.
        hardest_positive = jnp.max(jnp.where(positive, distances, 0.0), axis=1)
        hardest_negative = jnp.min(jnp.where(same, 1e3, distances), axis=1)
        gap = hardest_positive - hardest_negative
        if soft:
            return jnp.mean(jax.nn.softplus(gap))
        return jnp.mean(jax.nn.relu(gap + margin))
    gap = distances[:, :, None] - distances[:, None, :]
    triplets = positive[:, :, None] & ~same[:, None, :]
    if mining == "semi_hard":
        # Negatives that are farther than the positive, but not by the margin.
        triplets = triplets & (gap < 0) & (gap > -margin)
    if soft:
        loss = jax.nn.softplus(gap)
    else:
        loss = jax.nn.relu(gap + margin)
    loss = jnp.where(triplets, loss, 0.0)
    return jnp.sum(loss) / jnp.maximum(jnp.sum(triplets), 1)


@family(
    "reduction",
    x1="n d",
    x2="n d",
    same="n bool",
    weights="? n in 0.2..2",
    kind={"euclidean": 4, "squared": 2, "cosine": 4},
    margin={1.0: 1, 0.5: 2, 0.2: 1},
    normalise={False: 3, True: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 6, 8, 12), "d": (4, 6, 8, 12)},
)
def pair_loss(
    x1,
    x2,
    same,
    weights=None,
    *,
    kind="euclidean",
    margin=0.5,
    normalise=False,
    reduction="mean",
):
    """Contrastive loss of pairs: the same should be near, others farther than a margin.

    Args:
        x1: embeddings of shape (pairs, features).
        x2: the other embedding of each pair.
        same: whether both belong together.
        weights: factor of each pair's loss.
    """
    if kind == "cosine":
        similarity = jnp.sum(x1 * x2, axis=-1) / (
            jnp.linalg.norm(x1, axis=-1) * jnp.linalg.norm(x2, axis=-1) + 1e-8
        )
        loss = jnp.where(same, 1.0 - similarity, jax.nn.relu(similarity - margin))
    else:
        if normalise:
            x1 = l2_normalize(x1)
            x2 = l2_normalize(x2)
        squared = jnp.sum(jnp.square(x1 - x2), axis=-1)
        if kind == "squared":
            loss = jnp.where(same, squared, jax.nn.relu(margin - squared))
        else:
            distance = jnp.sqrt(squared + 1e-8)
            attraction = 0.5 * squared
            repulsion = 0.5 * jnp.square(jax.nn.relu(margin - distance))
            loss = jnp.where(same, attraction, repulsion)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


def off_diagonal(matrix):
    """Sets the diagonal to zero."""
    return matrix - jnp.diag(jnp.diagonal(matrix))


@family(
    "reduction",
    z_a="n d",
    z_b="n d",
    standardise=decided({"std": 3, "rsqrt": 2, "norm": 1}),
    form=decided({"helper": 3, "where": 2, "weights": 2}),
    off_weight={0.005: 2, 0.01: 1, 0.0051: 1},
    product=decided({"matmul": 3, "einsum": 1}),
    scaled=decided({False: 3, True: 1}),
    sizes={"n": (6, 8, 10, 12), "d": (4, 5, 6, 8)},
    only="float32",
)
def barlow_twins_loss(
    z_a,
    z_b,
    *,
    standardise="std",
    form="helper",
    off_weight=0.005,
    product="matmul",
    scaled=False,
):
    """Barlow Twins: the cross-correlation of two views' features should be the identity.

    Args:
        z_a: embeddings of the first views, of shape (batch, features).
        z_b: embeddings of the second views.
        off_weight: weight of the redundancy reduction term.
    """
    n, d = z_a.shape
    z_a = z_a - jnp.mean(z_a, axis=0)
    z_b = z_b - jnp.mean(z_b, axis=0)
    if standardise == "std":
        z_a = z_a / (jnp.std(z_a, axis=0) + 1e-4)
        z_b = z_b / (jnp.std(z_b, axis=0) + 1e-4)
    elif standardise == "rsqrt":
        z_a = z_a * jax.lax.rsqrt(jnp.mean(jnp.square(z_a), axis=0) + 1e-5)
        z_b = z_b * jax.lax.rsqrt(jnp.mean(jnp.square(z_b), axis=0) + 1e-5)
    else:
        z_a = z_a / jnp.linalg.norm(z_a, axis=0)
        z_b = z_b / jnp.linalg.norm(z_b, axis=0)
    if product == "matmul":
        correlation = z_a.T @ z_b
    else:
        correlation = jnp.einsum("ni,nj->ij", z_a, z_b)
    if standardise != "norm":
        correlation = correlation / n
    if form == "weights":
        weights = jnp.where(jnp.eye(d, dtype=bool), 1.0, off_weight)
        loss = jnp.sum(weights * jnp.square(correlation - jnp.eye(d)))
    else:
        invariance = jnp.sum(jnp.square(1.0 - jnp.diagonal(correlation)))
        if form == "helper":
            redundancy = jnp.sum(jnp.square(off_diagonal(correlation)))
        else:
            others = jnp.where(jnp.eye(d, dtype=bool), 0.0, correlation)
            redundancy = jnp.sum(jnp.square(others))
        loss = invariance + off_weight * redundancy
    if scaled:
        loss = loss / d
    return loss


def covariance_penalty(z):
    """Squares of the covariances of different features."""
    n, d = z.shape
    z = z - jnp.mean(z, axis=0)
    covariance = z.T @ z / (n - 1)
    return jnp.sum(jnp.square(off_diagonal(covariance))) / d


def variance_penalty(z, target=1.0):
    """How much the features' standard deviations are below the target."""
    std = jnp.sqrt(jnp.var(z, axis=0, ddof=1) + 1e-4)
    return jnp.mean(jax.nn.relu(target - std))


@family(
    "reduction",
    z_a="n d",
    z_b="n d",
    helpers=decided({True: 3, False: 2}),
    centre=decided({"first": 3, "inside": 2}),
    halved=decided({True: 2, False: 2}),
    std_form=decided({"var": 3, "centred": 2}),
    weight_sim={25.0: 3, 10.0: 1},
    sizes={"n": (6, 8, 10, 12), "d": (4, 5, 6, 8)},
    only="float32",
)
def vicreg_loss(
    z_a, z_b, *, helpers=True, centre="first", halved=True, std_form="var", weight_sim=25.0
):
    """VICReg: invariance, variance and covariance of the embeddings of two views.

    Args:
        z_a: embeddings of the first views, of shape (batch, features).
        z_b: embeddings of the second views.
    """
    sim_loss = jnp.mean(jnp.square(z_a - z_b))
    if helpers:
        var_loss = variance_penalty(z_a) + variance_penalty(z_b)
        cov_loss = covariance_penalty(z_a) + covariance_penalty(z_b)
    else:
        n, d = z_a.shape
        if centre == "first":
            z_a = z_a - jnp.mean(z_a, axis=0)
            z_b = z_b - jnp.mean(z_b, axis=0)
            cov_a = z_a.T @ z_a / (n - 1)
            cov_b = z_b.T @ z_b / (n - 1)
        else:
            cov_a = jnp.cov(z_a, rowvar=False)
            cov_b = jnp.cov(z_b, rowvar=False)
        if std_form == "var":
            std_a = jnp.sqrt(jnp.var(z_a, axis=0) + 1e-4)
            std_b = jnp.sqrt(jnp.var(z_b, axis=0) + 1e-4)
        else:
            std_a = jnp.sqrt(jnp.diagonal(cov_a) + 1e-4)
            std_b = jnp.sqrt(jnp.diagonal(cov_b) + 1e-4)
        var_loss = jnp.mean(jax.nn.relu(1.0 - std_a)) + jnp.mean(jax.nn.relu(1.0 - std_b))
        cov_loss = jnp.sum(jnp.square(off_diagonal(cov_a))) / d
        cov_loss = cov_loss + jnp.sum(jnp.square(off_diagonal(cov_b))) / d
    if halved:
        var_loss = 0.5 * var_loss
    return weight_sim * sim_loss + 25.0 * var_loss + cov_loss


# ---------------------------------------------------------------- ranking


@family(
    "reduction",
    scores="n m",
    relevances="n m int 4",
    mask="? n m bool",
    kind={"logistic": 4, "hinge": 3, "exponential": 1, "squared_hinge": 1},
    lambda_weights={False: 3, True: 2},
    sigma={1.0: 3, 2.0: 1, 0.5: 1},
    gap_weights={False: 3, True: 2},
    reduction={"mean": 3, "sum": 1, "per_list": 1},
    sizes={"n": (2, 3, 4), "m": (5, 6, 7)},
    only="float32",
)
def pairwise_ranking_loss(
    scores,
    relevances,
    mask=None,
    *,
    kind="logistic",
    lambda_weights=False,
    sigma=1.0,
    gap_weights=False,
    reduction="mean",
):
    """Loss of the pairs of items in each list that are in the wrong order.

    Args:
        scores: predicted, of shape (lists, items).
        relevances: graded relevance of each item.
        mask: False for padding.
        sigma: steepness of the loss.
    """
    score_gap = scores[:, :, None] - scores[:, None, :]
    if sigma != 1.0:
        score_gap = sigma * score_gap
    # Only pairs count whose first item is more relevant.
    pair_weights = (relevances[:, :, None] > relevances[:, None, :]).astype(scores.dtype)
    if gap_weights:
        gains = 2.0**relevances - 1.0
        pair_weights = pair_weights * (gains[:, :, None] - gains[:, None, :])
    if mask is not None:
        pair_weights = pair_weights * (mask[:, :, None] & mask[:, None, :])
    if kind == "logistic":
        # RankNet.
        loss = jax.nn.softplus(-score_gap)
    elif kind == "hinge":
        loss = jax.nn.relu(1.0 - score_gap)
    elif kind == "exponential":
        # RankBoost.
        loss = jnp.exp(-score_gap)
    else:
        loss = jnp.square(jax.nn.relu(1.0 - score_gap))
    if lambda_weights:
        # LambdaRank: how much a swap of the two changes the discounts.
        ranks = 1.0 + jnp.sum(scores[:, None, :] > scores[:, :, None], axis=-1)
        discounts = 1.0 / jnp.log2(1.0 + ranks)
        swap = jnp.abs(discounts[:, :, None] - discounts[:, None, :])
        pair_weights = pair_weights * swap
    loss = loss * pair_weights
    if reduction == "mean":
        return jnp.sum(loss) / (jnp.sum(pair_weights) + 1e-6)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return jnp.sum(loss, axis=(1, 2))


@family(
    "reduction",
    "loop",
    scores="n m",
    relevances="n m int 4",
    mask="? n m bool",
    weights="? n in 0.2..2",
    kind={"softmax": 3, "list_mle": 3, "list_net": 2},
    temperature={1.0: 4, 0.5: 1},
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6), "m": (5, 6, 8)},
    only="float32",
)
def listwise_ranking_loss(
    scores,
    relevances,
    mask=None,
    weights=None,
    *,
    kind="softmax",
    temperature=1.0,
    reduction="mean",
):
    """Ranking loss of whole lists.

    Args:
        scores: predicted, of shape (lists, items).
        relevances: graded relevance of each item.
        mask: False for padding.
        weights: factor of each list's loss.
    """
    relevances = relevances.astype(scores.dtype)
    if temperature != 1.0:
        scores = scores / temperature
    if mask is not None:
        scores = jnp.where(mask, scores, -1e3)
    if kind == "softmax":
        # Softmax cross-entropy.
        if mask is not None:
            relevances = jnp.where(mask, relevances, 0.0)
        log_probs = jax.nn.log_softmax(scores, axis=-1)
        total = jnp.sum(relevances, axis=-1) + 1e-6
        loss = -jnp.sum(relevances * log_probs, axis=-1) / total
    elif kind == "list_mle":
        # ListMLE: each item in turn should win against those after it.
        if mask is not None:
            relevances = jnp.where(mask, relevances, -1.0)
        order = jnp.argsort(-relevances, axis=-1)
        ordered = jnp.take_along_axis(scores, order, axis=-1)
        log_rest = lax.cumlogsumexp(ordered, axis=1, reverse=True)
        terms = log_rest - ordered
        if mask is not None:
            terms = jnp.where(jnp.take_along_axis(mask, order, axis=-1), terms, 0.0)
        loss = jnp.sum(terms, axis=-1)
    else:
        # ListNet, with the probabilities of the top item.
        if mask is not None:
            relevances = jnp.where(mask, relevances, -1e3)
        targets = jax.nn.softmax(relevances, axis=-1)
        loss = -jnp.sum(targets * jax.nn.log_softmax(scores, axis=-1), axis=-1)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


def dcg(gains, top=None):
    """Discounted cumulative gain of lists in their order."""
    if top is not None:
        gains = gains[:, :top]
    discounts = 1.0 / jnp.log2(jnp.arange(gains.shape[-1]) + 2.0)
    return jnp.sum(gains * discounts, axis=-1)


@family(
    "reduction",
    scores="n m",
    relevances="n m int 4",
    mask="? n m bool",
    exponential=(True, False),
    temperature={1.0: 2, 0.1: 1, 0.5: 1},
    without_self=decided({True: 2, False: 2}),
    reduction={"mean": 3, "none": 2},
    sizes={"n": (3, 4, 5, 6), "m": (5, 6, 8)},
    only="float32",
)
def approx_ndcg(
    scores,
    relevances,
    mask=None,
    *,
    exponential=True,
    temperature=1.0,
    without_self=False,
    reduction="mean",
):
    """ApproxNDCG: normalised discounted cumulative gain with smooth ranks.

    Args:
        scores: predicted, of shape (lists, items).
        relevances: graded relevance of each item.
        mask: False for padding.
    """
    if exponential:
        gains = 2.0**relevances - 1.0
    else:
        gains = relevances.astype(scores.dtype)
    if mask is not None:
        scores = jnp.where(mask, scores, -50.0)
        gains = gains * mask
    gap = scores[:, None, :] - scores[:, :, None]
    if temperature != 1.0:
        gap = gap / temperature
    # The smooth number of items with a higher score.
    above = jax.nn.sigmoid(gap)
    if without_self:
        above = above * (1.0 - jnp.eye(scores.shape[-1]))
        ranks = 1.0 + jnp.sum(above, axis=-1)
    else:
        # An item counts half a rank above itself.
        ranks = 0.5 + jnp.sum(above, axis=-1)
    found = jnp.sum(gains / jnp.log2(1.0 + ranks), axis=-1)
    best = dcg(-jnp.sort(-gains, axis=-1))
    value = found / (best + 1e-6)
    if reduction == "mean":
        return jnp.mean(value)
    else:
        return value


@family(
    "reduction",
    scores="n m",
    relevances="n m int 4",
    exponential=(True, False),
    top={None: 3, 3: 1},
    temperature={1.0: 3, 0.5: 1, 2.0: 1},
    product=decided({"einsum": 3, "matmul": 2}),
    reduction={"mean": 3, "none": 2},
    sizes={"n": (3, 4, 5, 6), "m": (5, 6, 8)},
    only="float32",
    weight=6,
)
def neural_sort_ndcg(
    scores,
    relevances,
    *,
    exponential=True,
    top=None,
    temperature=1.0,
    product="einsum",
    reduction="mean",
):
    """Normalised discounted cumulative gain by the soft permutation of NeuralSort.

    Args:
        scores: predicted, of shape (lists, items).
        relevances: graded relevance of each item.
        top: number of items that count.
    """
    if exponential:
        gains = 2.0**relevances - 1.0
    else:
        gains = relevances.astype(scores.dtype)
    m = scores.shape[-1]
    spread = jnp.sum(jnp.abs(scores[:, :, None] - scores[:, None, :]), axis=-1)
    scaling = m + 1.0 - 2.0 * jnp.arange(1, m + 1)
    logits = scaling[None, :, None] * scores[:, None, :] - spread[:, None, :]
    if temperature != 1.0:
        logits = logits / temperature
    # Row i says which item is at position i.
    permutation = jax.nn.softmax(logits, axis=-1)
    if product == "einsum":
        ordered = jnp.einsum("nij,nj->ni", permutation, gains)
    else:
        ordered = (permutation @ gains[:, :, None])[:, :, 0]
    value = dcg(ordered, top) / (dcg(-jnp.sort(-gains, axis=-1), top) + 1e-6)
    if reduction == "mean":
        return jnp.mean(value)
    else:
        return value


# ---------------------------------------------------------------- distillation and penalties


@family(
    "reduction",
    student_logits="n c in -3..3",
    teacher_logits="n c in -3..3",
    labels="n int c",
    weights="? n in 0.2..2",
    temperature={2.0: 3, 4.0: 2, 3.0: 1},
    alpha={0.5: 3, 0.9: 1, 0.1: 1},
    kind={"kl": 4, "mse": 1, "reverse_kl": 1, "cross_entropy": 1},
    gather=decided((False, True)),
    reduction={"mean": 4, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6, 8)},
)
def distillation_loss(
    student_logits,
    teacher_logits,
    labels,
    weights=None,
    *,
    temperature=2.0,
    alpha=0.5,
    kind="kl",
    gather=False,
    reduction="mean",
):
    """Knowledge distillation: a student learns from a teacher and from labels.

    Args:
        student_logits: of shape (n, classes).
        teacher_logits: of shape (n, classes).
        labels: integer class of each example.
        weights: factor of each example's loss.
        temperature: how much both distributions are softened.
        alpha: weight of the teacher.
    """
    log_probs = jax.nn.log_softmax(student_logits, axis=-1)
    if gather:
        hard_loss = -jnp.take_along_axis(log_probs, labels[:, None], axis=-1)[:, 0]
    else:
        targets = jax.nn.one_hot(labels, student_logits.shape[-1])
        hard_loss = -jnp.sum(targets * log_probs, axis=-1)
    if kind == "mse":
        soft_loss = jnp.mean(jnp.square(student_logits - teacher_logits), axis=-1)
    else:
        log_student = jax.nn.log_softmax(student_logits / temperature, axis=-1)
        log_teacher = jax.nn.log_softmax(teacher_logits / temperature, axis=-1)
        if kind == "kl":
            soft_loss = kl_from_log_probs(log_teacher, log_student)
        elif kind == "reverse_kl":
            soft_loss = kl_from_log_probs(log_student, log_teacher)
        else:
            soft_loss = -jnp.sum(jnp.exp(log_teacher) * log_student, axis=-1)
        # Gradients shrink with the square of the temperature.
        soft_loss = soft_loss * (temperature * temperature)
    loss = alpha * soft_loss + (1.0 - alpha) * hard_loss
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


def l1_penalty(w):
    """Sum of absolute values."""
    return jnp.sum(jnp.abs(w))


def l2_penalty(w):
    """Half the sum of squares."""
    return 0.5 * jnp.sum(jnp.square(w))


@family(
    "reduction",
    x="n d",
    y="n",
    w="d",
    b="? in -1..1",
    sample_weight="? n in 0.2..2",
    loss_type={"squared": 4, "huber": 1},
    penalty={"l2": 3, "l1": 2, "elastic": 2, "fused": 1, "log": 1},
    strength={0.1: 2, 0.01: 2, 0.5: 1},
    l1_ratio={0.5: 2, 0.2: 1},
    averaged=decided({True: 3, False: 2}),
    sizes={"n": (6, 8, 10, 12, 16), "d": (4, 5, 6, 8)},
)
def penalised_least_squares(
    x,
    y,
    w,
    b=None,
    sample_weight=None,
    *,
    loss_type="squared",
    penalty="l2",
    strength=0.1,
    l1_ratio=0.5,
    averaged=True,
):
    """Objective of a linear regression with a penalty of its coefficients.

    Args:
        x: features of shape (n, d).
        y: the targets, of shape (n,).
        w: coefficients.
        b: intercept, which isn't penalised.
        sample_weight: factor of each row's loss.
        strength: weight of the penalty.
    """
    residual = x @ w - y
    if b is not None:
        residual = residual + b
    if loss_type == "squared":
        loss = 0.5 * jnp.square(residual)
    else:
        # Huber's loss, against outliers.
        size = jnp.abs(residual)
        loss = jnp.where(size <= 1.0, 0.5 * jnp.square(residual), size - 0.5)
    if sample_weight is not None:
        loss = sample_weight * loss
    if averaged:
        objective = jnp.mean(loss)
    else:
        objective = jnp.sum(loss)
    if penalty == "l2":
        # Ridge.
        return objective + strength * l2_penalty(w)
    elif penalty == "l1":
        # Lasso.
        return objective + strength * l1_penalty(w)
    elif penalty == "elastic":
        # Elastic net.
        mixed = l1_ratio * l1_penalty(w) + (1.0 - l1_ratio) * l2_penalty(w)
        return objective + strength * mixed
    elif penalty == "fused":
        # Fused lasso: neighbours should have similar coefficients.
        return objective + strength * (l1_penalty(w) + l1_penalty(w[1:] - w[:-1]))
    else:
        # The log-sum penalty, which shrinks large coefficients less.
        return objective + strength * jnp.sum(jnp.log1p(jnp.abs(w) / 0.1))


@family(
    "reduction",
    x="n d",
    labels="n bool",
    w="d",
    b="? in -1..1",
    sample_weight="? n in 0.2..2",
    form=decided({"softplus": 3, "signs": 2, "log_sigmoid": 2}),
    penalty={"l2": 3, "l1": 2, "elastic": 1, "none": 2},
    strength={0.1: 2, 0.01: 2, 0.5: 1},
    averaged=decided({True: 3, False: 2}),
    sizes={"n": (6, 8, 10, 12, 16), "d": (4, 5, 6, 8)},
)
def logistic_objective(
    x,
    labels,
    w,
    b=None,
    sample_weight=None,
    *,
    form="softplus",
    penalty="l2",
    strength=0.1,
    averaged=True,
):
    """Negative log-likelihood of a logistic regression, as it is minimised.

    Args:
        x: features of shape (n, d).
        labels: the class of each row.
        w: coefficients.
        b: intercept, which isn't penalised.
        sample_weight: factor of each row's loss.
        strength: weight of the penalty of the coefficients.
    """
    logits = x @ w
    if b is not None:
        logits = logits + b
    if form == "softplus":
        loss = jax.nn.softplus(logits) - labels * logits
    elif form == "signs":
        signs = jnp.where(labels, 1.0, -1.0)
        loss = jnp.logaddexp(0.0, -signs * logits)
    else:
        loss = -jnp.where(labels, jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits))
    if sample_weight is not None:
        loss = sample_weight * loss
    if averaged:
        objective = jnp.mean(loss)
    else:
        objective = jnp.sum(loss)
    if penalty == "l2":
        objective = objective + strength * l2_penalty(w)
    elif penalty == "l1":
        objective = objective + strength * l1_penalty(w)
    elif penalty == "elastic":
        objective = objective + 0.5 * strength * (l1_penalty(w) + l2_penalty(w))
    return objective


@family(
    "reduction",
    x="n d in -1..1",
    counts="n int 6",
    w="d in -1..1",
    b="? in -1..1",
    exposure="? n in 0.5..2",
    form=decided({"nll": 3, "deviance": 1}),
    full={False: 3, True: 1},
    penalty={"none": 3, "l2": 2, "l1": 1},
    averaged=decided({True: 3, False: 2}),
    sizes={"n": (6, 8, 10, 12, 16), "d": (4, 5, 6, 8)},
)
def poisson_regression_loss(
    x,
    counts,
    w,
    b=None,
    exposure=None,
    *,
    form="nll",
    full=False,
    penalty="none",
    averaged=True,
):
    """Loss of a Poisson regression with a log link.

    Args:
        x: features of shape (n, d).
        counts: observed count of each row.
        w: coefficients.
        b: intercept.
        exposure: time or area in which each count was made.
    """
    log_rate = x @ w
    if b is not None:
        log_rate = log_rate + b
    if exposure is not None:
        log_rate = log_rate + jnp.log(exposure)
    if form == "nll":
        loss = jnp.exp(log_rate) - counts * log_rate
        if full:
            loss = loss + jax.scipy.special.gammaln(counts + 1.0)
    else:
        # Deviance; a count of zero has no logarithm.
        log_ratio = jnp.log(jnp.maximum(counts, 1)) - log_rate
        loss = 2.0 * (counts * log_ratio - counts + jnp.exp(log_rate))
    if averaged:
        objective = jnp.mean(loss)
    else:
        objective = jnp.sum(loss)
    if penalty == "l2":
        objective = objective + 0.1 * l2_penalty(w)
    elif penalty == "l1":
        objective = objective + 0.1 * l1_penalty(w)
    return objective


@family(
    "reduction",
    "loop",
    w="n d",
    kind={"soft": 4, "double": 2, "coherence": 2, "off_diagonal": 2, "spectral": 2},
    squared={True: 3, False: 1},
    rows={False: 3, True: 1},
    product=decided({"matmul": 3, "einsum": 1}),
    num_steps={3: 2, 5: 1, 2: 1},
    sizes={"n": (5, 6, 8, 10), "d": (4, 5, 6)},
    only="float32",
)
def orthogonality_penalty(
    w, *, kind="soft", squared=True, rows=False, product="matmul", num_steps=3
):
    """Penalty of a weight matrix that is far from orthogonal.

    Args:
        w: weights of shape (inputs, outputs).
    """
    if rows:
        if product == "matmul":
            gram = w @ w.T
        else:
            gram = jnp.einsum("ik,jk->ij", w, w)
    elif product == "matmul":
        gram = w.T @ w
    else:
        gram = jnp.einsum("ki,kj->ij", w, w)
    size = gram.shape[0]
    if kind == "soft":
        # Soft orthogonality.
        penalty = jnp.sum(jnp.square(gram - jnp.eye(size)))
        if not squared:
            penalty = jnp.sqrt(penalty)
    elif kind == "double":
        # Double soft orthogonality: of the columns and of the rows.
        if rows:
            other = w.T @ w
        else:
            other = w @ w.T
        penalty = jnp.sum(jnp.square(gram - jnp.eye(size)))
        penalty = penalty + jnp.sum(jnp.square(other - jnp.eye(other.shape[0])))
    elif kind == "coherence":
        # Mutual coherence: the largest row sum of the defect.
        penalty = jnp.max(jnp.sum(jnp.abs(gram - jnp.eye(size)), axis=1))
    elif kind == "off_diagonal":
        # The lengths are free.
        penalty = jnp.sum(jnp.square(off_diagonal(gram)))
        if not squared:
            penalty = jnp.sqrt(penalty)
    else:
        # Spectral restricted isometry: the largest singular value, by power iteration.
        defect = gram - jnp.eye(size)
        v = jnp.ones(size) / jnp.sqrt(size)

        def step(_, v):
            u = defect @ v
            return u / (jnp.linalg.norm(u) + 1e-6)

        v = lax.fori_loop(0, num_steps, step, v)
        penalty = jnp.linalg.norm(defect @ v)
    return penalty


@family(
    "reduction",
    image="n m",
    mask="? n m bool",
    kind={"anisotropic": 3, "isotropic": 3, "squared": 2, "charbonnier": 1, "huber": 1},
    boundary=decided({"crop": 3, "periodic": 1, "pad": 1}),
    reduction={"sum": 3, "mean": 3},
    sizes={"n": (5, 6, 8, 10), "m": (5, 6, 8, 10)},
)
def total_variation(image, mask=None, *, kind="anisotropic", boundary="crop", reduction="sum"):
    """Total variation of an image.

    Args:
        image: of shape (height, width).
        mask: pixels where variation counts.
    """
    if boundary == "periodic":
        dx = jnp.roll(image, -1, axis=1) - image
        dy = jnp.roll(image, -1, axis=0) - image
    elif boundary == "pad":
        # The border is repeated.
        dx = jnp.diff(jnp.pad(image, ((0, 0), (0, 1)), mode="edge"), axis=1)
        dy = jnp.diff(jnp.pad(image, ((0, 1), (0, 0)), mode="edge"), axis=0)
    else:
        dx = image[:-1, 1:] - image[:-1, :-1]
        dy = image[1:, :-1] - image[:-1, :-1]
    if kind == "anisotropic":
        variation = jnp.abs(dx) + jnp.abs(dy)
    elif kind == "isotropic":
        variation = jnp.sqrt(jnp.square(dx) + jnp.square(dy) + 1e-6)
    elif kind == "squared":
        variation = jnp.square(dx) + jnp.square(dy)
    elif kind == "charbonnier":
        variation = jnp.sqrt(jnp.square(dx) + 1e-3) + jnp.sqrt(jnp.square(dy) + 1e-3)
    else:
        # Huber's function of the gradient, against staircases.
        magnitude = jnp.sqrt(jnp.square(dx) + jnp.square(dy) + 1e-6)
        variation = jnp.where(magnitude < 1.0, 0.5 * jnp.square(magnitude), magnitude - 0.5)
    if mask is not None:
        if boundary == "crop":
            mask = mask[:-1, :-1]
        variation = jnp.where(mask, variation, 0.0)
    if reduction == "sum":
        return jnp.sum(variation)
    else:
        return jnp.mean(variation)


@family(
    "vector",
    "reduction",
    disparity="n m in 0.2..2",
    image="n m c in 0..1",
    normalise={True: 3, False: 2},
    second_order={False: 3, True: 1},
    edges={"exp": 4, "squared": 1},
    penalty={"abs": 4, "charbonnier": 1},
    sharpness={1.0: 3, 10.0: 1, 4.0: 1},
    sizes={"n": (5, 6, 8), "m": (5, 6, 8), "c": (3,)},
)
def edge_aware_smoothness(
    disparity,
    image,
    *,
    normalise=True,
    second_order=False,
    edges="exp",
    penalty="abs",
    sharpness=1.0,
):
    """Smoothness loss of a disparity map, which may change at the edges of the image.

    Args:
        disparity: of shape (height, width).
        image: of shape (height, width, channels).
    """
    if normalise:
        # The loss must not depend on the scale of the disparity.
        disparity = disparity / (jnp.mean(disparity) + 1e-7)
    dx = disparity[:, 1:] - disparity[:, :-1]
    dy = disparity[1:] - disparity[:-1]
    image_dx = jnp.mean(jnp.abs(image[:, 1:] - image[:, :-1]), axis=-1)
    image_dy = jnp.mean(jnp.abs(image[1:] - image[:-1]), axis=-1)
    if edges == "squared":
        image_dx = jnp.square(image_dx)
        image_dy = jnp.square(image_dy)
    if sharpness != 1.0:
        weight_x = jnp.exp(-sharpness * image_dx)
        weight_y = jnp.exp(-sharpness * image_dy)
    else:
        weight_x = jnp.exp(-image_dx)
        weight_y = jnp.exp(-image_dy)
    if second_order:
        # Slanted planes cost nothing.
        dx = dx[:, 1:] - dx[:, :-1]
        dy = dy[1:] - dy[:-1]
        weight_x = weight_x[:, 1:]
        weight_y = weight_y[1:]
    if penalty == "abs":
        dx = jnp.abs(dx)
        dy = jnp.abs(dy)
    else:
        dx = jnp.sqrt(jnp.square(dx) + 1e-4)
        dy = jnp.sqrt(jnp.square(dy) + 1e-4)
    return jnp.mean(weight_x * dx) + jnp.mean(weight_y * dy)


@family(
    "reduction",
    image="n m",
    noisy="n m",
    mask="? n m bool",
    fidelity={"l2": 4, "l1": 1, "poisson": 1},
    kind={"isotropic": 3, "anisotropic": 2, "huber": 1},
    boundary=decided({"crop": 3, "periodic": 2}),
    strength={0.1: 2, 0.5: 2, 0.2: 1},
    sizes={"n": (5, 6, 8, 10), "m": (5, 6, 8, 10)},
)
def rof_objective(
    image,
    noisy,
    mask=None,
    *,
    fidelity="l2",
    kind="isotropic",
    boundary="crop",
    strength=0.1,
):
    """Objective of total variation denoising: fidelity to the data plus total variation.

    Args:
        image: the current estimate, of shape (height, width).
        noisy: the observed image.
        mask: pixels that were observed.
        strength: weight of the total variation.
    """
    if fidelity == "l2":
        # The model of Rudin, Osher and Fatemi.
        misfit = 0.5 * jnp.square(image - noisy)
    elif fidelity == "l1":
        # TV-L1, for impulse noise.
        misfit = jnp.abs(image - noisy)
    else:
        # Both images are logarithms of intensities, with photon noise.
        misfit = jnp.exp(image) - jnp.exp(noisy) * image
    if mask is not None:
        misfit = jnp.where(mask, misfit, 0.0)
    if boundary == "periodic":
        dx = jnp.roll(image, -1, axis=1) - image
        dy = jnp.roll(image, -1, axis=0) - image
    else:
        dx = image[:-1, 1:] - image[:-1, :-1]
        dy = image[1:, :-1] - image[:-1, :-1]
    if kind == "isotropic":
        variation = jnp.sqrt(jnp.square(dx) + jnp.square(dy) + 1e-6)
    elif kind == "anisotropic":
        variation = jnp.abs(dx) + jnp.abs(dy)
    else:
        magnitude = jnp.sqrt(jnp.square(dx) + jnp.square(dy) + 1e-6)
        variation = jnp.where(magnitude < 1.0, 0.5 * jnp.square(magnitude), magnitude - 0.5)
    return jnp.sum(misfit) + strength * jnp.sum(variation)


@family(
    "reduction",
    real_logits="n",
    fake_logits="n",
    kind={"non_saturating": 4, "saturating": 1, "hinge": 3, "least_squares": 2, "wasserstein": 1},
    form=decided({"softplus": 3, "log_sigmoid": 2}),
    label_smoothing={None: 4, 0.9: 1},
    halved=decided({False: 3, True: 1}),
    weight=6,
)
def gan_losses(
    real_logits,
    fake_logits,
    *,
    kind="non_saturating",
    form="softplus",
    label_smoothing=None,
    halved=False,
):
    """Losses of a GAN's discriminator and of its generator.

    Args:
        real_logits: outputs of the discriminator for real examples.
        fake_logits: its outputs for generated ones.
    """
    if kind == "hinge":
        real_loss = jax.nn.relu(1.0 - real_logits)
        fake_loss = jax.nn.relu(1.0 + fake_logits)
        g_loss = -jnp.mean(fake_logits)
    elif kind == "least_squares":
        real_loss = jnp.square(real_logits - 1.0)
        fake_loss = jnp.square(fake_logits)
        g_loss = 0.5 * jnp.mean(jnp.square(fake_logits - 1.0))
    elif kind == "wasserstein":
        real_loss = -real_logits
        fake_loss = fake_logits
        g_loss = -jnp.mean(fake_logits)
    else:
        if label_smoothing is not None:
            # One-sided label smoothing: real examples aren't quite real.
            real_loss = jax.nn.softplus(real_logits) - label_smoothing * real_logits
        elif form == "softplus":
            real_loss = jax.nn.softplus(-real_logits)
        else:
            real_loss = -jax.nn.log_sigmoid(real_logits)
        if form == "softplus":
            fake_loss = jax.nn.softplus(fake_logits)
        else:
            fake_loss = -jax.nn.log_sigmoid(-fake_logits)
        if kind == "saturating":
            # The minimax loss.
            g_loss = -jnp.mean(fake_loss)
        elif form == "softplus":
            g_loss = jnp.mean(jax.nn.softplus(-fake_logits))
        else:
            g_loss = -jnp.mean(jax.nn.log_sigmoid(fake_logits))
    d_loss = jnp.mean(real_loss) + jnp.mean(fake_loss)
    if halved:
        d_loss = 0.5 * d_loss
    return d_loss, g_loss


@family(
    "reduction",
    real_logits="n",
    fake_logits="n",
    gradient_norms="? n in 0.1..3",
    kind={"logistic": 4, "hinge": 3, "least_squares": 2, "wasserstein": 2},
    relativistic={False: 4, True: 1},
    penalty={"two_sided": 3, "one_sided": 1, "r1": 2},
    drift={None: 4, 1e-3: 1},
    weight=6,
)
def discriminator_loss(
    real_logits,
    fake_logits,
    gradient_norms=None,
    *,
    kind="logistic",
    relativistic=False,
    penalty="two_sided",
    drift=None,
):
    """Loss of a GAN's discriminator.

    Args:
        real_logits: outputs of the discriminator for real examples.
        fake_logits: its outputs for generated ones.
        gradient_norms: norm of its gradient at each example of the penalty.
    """
    if relativistic:
        # Relativistic average: each is compared with the mean of the others.
        real = real_logits - jnp.mean(fake_logits)
        fake = fake_logits - jnp.mean(real_logits)
    else:
        real, fake = real_logits, fake_logits
    if kind == "logistic":
        loss = jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fake))
    elif kind == "hinge":
        loss = jnp.mean(jax.nn.relu(1.0 - real)) + jnp.mean(jax.nn.relu(1.0 + fake))
    elif kind == "least_squares":
        loss = 0.5 * jnp.mean(jnp.square(real - 1.0)) + 0.5 * jnp.mean(jnp.square(fake))
    else:
        loss = jnp.mean(fake) - jnp.mean(real)
    if gradient_norms is not None:
        if penalty == "two_sided":
            # The gradient penalty of WGAN-GP.
            loss = loss + 10.0 * jnp.mean(jnp.square(gradient_norms - 1.0))
        elif penalty == "one_sided":
            loss = loss + 10.0 * jnp.mean(jnp.square(jax.nn.relu(gradient_norms - 1.0)))
        else:
            # R1 regularization.
            loss = loss + 5.0 * jnp.mean(jnp.square(gradient_norms))
    if drift is not None:
        # Keep the outputs near zero.
        loss = loss + drift * jnp.mean(jnp.square(real_logits))
    return loss


def denoise(x, time, w1, w2):
    """A small network that sees the noisy sample and its time."""
    hidden = jax.nn.silu(x @ w1 + time[:, None])
    return hidden @ w2


@family(
    "reduction",
    w1="d f in -0.7..0.7",
    w2="f d in -0.7..0.7",
    x0="n d",
    noise="n d",
    alphas_cumprod="t in 0.05..0.95",
    timesteps="n int t",
    mask="? n bool",
    target={"epsilon": 4, "x0": 2, "v": 2},
    weighting={"none": 3, "min_snr": 2, "p2": 1},
    loss_type={"l2": 4, "l1": 1, "pseudo_huber": 1},
    reduction={"mean": 4, "none": 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "f": (6, 8, 12), "t": (8, 10, 12)},
    only="float32",
)
def diffusion_loss(
    w1,
    w2,
    x0,
    noise,
    alphas_cumprod,
    timesteps,
    mask=None,
    *,
    target="epsilon",
    weighting="none",
    loss_type="l2",
    reduction="mean",
):
    """Training loss of a denoising diffusion model.

    Args:
        w1: the first layer of the denoiser.
        w2: its second layer.
        x0: the clean samples, a row each.
        noise: the standard normal noise that is added.
        alphas_cumprod: the share of the signal's variance at each time.
        timesteps: the time of each sample.
        mask: which samples count.
    """
    alpha_bar = alphas_cumprod[timesteps]
    signal = jnp.sqrt(alpha_bar)[:, None]
    sigma = jnp.sqrt(1.0 - alpha_bar)[:, None]
    x_t = signal * x0 + sigma * noise
    prediction = denoise(x_t, timesteps / alphas_cumprod.shape[0], w1, w2)
    if target == "epsilon":
        error = prediction - noise
    elif target == "x0":
        error = prediction - x0
    else:
        error = prediction - (signal * noise - sigma * x0)
    if loss_type == "l2":
        loss = jnp.mean(jnp.square(error), axis=-1)
    elif loss_type == "l1":
        loss = jnp.mean(jnp.abs(error), axis=-1)
    else:
        # The pseudo-Huber loss.
        loss = jnp.mean(jnp.sqrt(jnp.square(error) + 0.01) - 0.1, axis=-1)
    if weighting == "min_snr":
        # Min-SNR weights, with gamma = 5.
        snr = alpha_bar / (1.0 - alpha_bar)
        if target == "epsilon":
            loss = loss * jnp.minimum(snr, 5.0) / snr
        elif target == "x0":
            loss = loss * jnp.minimum(snr, 5.0)
        else:
            loss = loss * jnp.minimum(snr, 5.0) / (snr + 1.0)
    elif weighting == "p2":
        # P2 weights.
        snr = alpha_bar / (1.0 - alpha_bar)
        loss = loss / (1.0 + snr)
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        return jnp.mean(loss)
    else:
        return loss
