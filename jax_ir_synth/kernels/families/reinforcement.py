"""Families: returns, targets, losses, policies and tables of reinforcement learning."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
inputs: inputs 7, xs 3
x: x 1
step_size: step_size 4, alpha 4, lr 3
discounted_returns: discounted_returns 5, compute_returns 4, discount_rewards 3, returns_to_go 2
generalized_advantages: generalized_advantages 2, compute_gae 5, gae 4, gae_advantages 2
lambda_returns: lambda_returns 5, lambda_return 3, td_lambda_returns 2, compute_lambda_values 1
n_step_returns: n_step_returns 5, nstep_returns 3, n_step_targets 3
vtrace: vtrace 4, vtrace_targets 3, vtrace_td_error_and_advantage 1, v_trace 2
off_policy_targets: off_policy_targets 4, off_policy_returns 3
ppo_loss: ppo_loss 7, ppo_objective 2, clipped_policy_loss 2
gaussian_ppo_loss: gaussian_ppo_loss 3, continuous_ppo_loss 3, ppo_loss 3
actor_critic_loss: actor_critic_loss 4, a2c_loss 5, a3c_loss 1
policy_gradient_loss: policy_gradient_loss 5, reinforce_loss 4, pg_loss 2
td_targets: td_targets 4, td_target 3, bellman_targets 3, q_targets 2
dqn_loss: dqn_loss 6, q_learning_loss 3, td_loss 2
categorical_td_loss: categorical_td_loss 3, c51_loss 5, categorical_loss 3, distributional_loss 1
quantile_td_loss: quantile_td_loss 3, qr_dqn_loss 4, quantile_huber_loss 3
squashed_actor_loss: squashed_actor_loss 2, sac_actor_loss 5, actor_loss 3, policy_loss 2
soft_critic_loss: soft_critic_loss 2, critic_loss 5, twin_critic_loss 3
soft_update: soft_update 5, polyak_update 4, target_update 3, update_target 2
target_params: target_params 5, target 3, target_net 1
online_params: online_params 5, online 3, params 2
update_target_layer: update_target_layer 3, soft_update 4, polyak_average 3
policy_value: policy_value 3, expected_value 3, state_value 3
ucb_scores: ucb_scores 5, ucb 3, action_scores 2, upper_confidence_bounds 1
boltzmann_policy: boltzmann_policy 4, softmax_policy 4, action_probabilities 2, exploration_policy 1
value_iteration: value_iteration 6, bellman_iteration 2, solve_mdp 1, plan 1
td_lambda: td_lambda 2, td_prediction 3, td_learning 3
linear_td: linear_td 5, linear_value_learning 2
q_learning: q_learning 4, tabular_q_learning 3, run_q_learning 2
gradient_bandit: gradient_bandit 4, bandit_updates 2, run_bandit 2
preference_loss: preference_loss 4, dpo_loss 6, direct_preference_loss 1
group_policy_loss: group_policy_loss 2, grpo_loss 6, grpo_objective 1
implicit_q_loss: implicit_q_loss 3, iql_loss 5, offline_value_loss 2
conservative_loss: conservative_loss 2, cql_loss 6, conservative_q_loss 2
normalize_observations: normalize_observations 4, update_running_stats 3, running_normalize 2
rewards: rewards 8, reward 1, r 1
dones: dones 6, done 2, terminals 2, terminated 1
values: values 8, v 1, value_preds 1
next_values: next_values 6, v_next 2, values_next 1
discounts: discounts 6, discount 2, gammas 1
gamma: gamma 8, discount_factor 2
lam: lam 6, lambda_ 3, gae_lambda 2
deltas: deltas 6, td_errors 4, delta 1
advantages: advantages 7, advantage 2, adv 3
returns: returns 8, ret 1, targets 1
bootstrap: bootstrap 3, bootstrap_value 4, last_value 4
last_value: last_value 6, bootstrap_value 4, next_value 2
log_probs: log_probs 7, logp 3, log_pi 1
old_log_probs: old_log_probs 6, old_logp 3, logp_old 2
ratio: ratio 7, ratios 2, r 1
clip_eps: clip_eps 4, clip_epsilon 2, clip_ratio 3, eps_clip 1
entropy: entropy 8, ent 1
entropy_coef: entropy_coef 5, ent_coef 4, entropy_weight 1
value_coef: value_coef 4, vf_coef 4, critic_coef 1
value_loss: value_loss 6, vf_loss 2, critic_loss 2
policy_loss: policy_loss 6, pg_loss 3, actor_loss 2
actions: actions 8, action 1, a 1
q_values: q_values 6, q 4, qvals 1
states: states 5, obs 4, observations 2
next_states: next_states 5, next_obs 4, next_observations 2
td_error: td_error 6, td_errors 2, delta 2
target: target 5, targets 2, y 2
tau: tau 7, polyak 1
epsilon: epsilon 6, eps 4
temperature: temperature 6, temp 2, tau 2
counts: counts 5, visits 3, n_visits 1
transitions: transitions 4, P 1, transition_probs 2
probs: probs 6, pi 2, policy 1, p 1
alpha: alpha 7, entropy_coef 2, temperature 1
carry: carry 7, acc 1, running 1
num_updates: num_updates 4, step 3, t 1, steps 1
step: step 5, body 3, scan_fn 2, step_fn 1
"""


# ---------------------------------------------------------------- returns


@family(
    "loop",
    rewards="t ...",
    dones="? t ... bool",
    bootstrap="? ...",
    gamma={0.99: 4, 0.95: 2, 0.9: 2, 0.97: 1},
    method={"scan": 4, "associative": 2, "fori": 2},
    clip_rewards={None: 4, 1.0: 1},
    scale={False: 3, True: 1},
    first_only={False: 6, True: 1},
    sizes={"t": (4, 5, 6, 8, 10, 12), "b": (2, 4, 4)},
)
def discounted_returns(
    rewards,
    dones=None,
    bootstrap=None,
    *,
    gamma=0.99,
    method="scan",
    clip_rewards=None,
    scale=False,
    first_only=False,
):
    """Discounted sum of the rewards from each time on.

    Args:
        rewards: rewards, with time first.
        dones: whether an episode ends at a time.
        bootstrap: the value of what comes after the last time.
        gamma: the discount.
    """
    if clip_rewards is not None:
        rewards = jnp.clip(rewards, -clip_rewards, clip_rewards)
    discounts = jnp.full_like(rewards, gamma)
    if dones is not None:
        # Nothing flows back over the end of an episode.
        discounts = discounts * (1.0 - dones)
    if bootstrap is not None:
        init = bootstrap
    else:
        init = jnp.zeros_like(rewards[0])
    if method == "scan":

        def step(carry, inputs):
            reward, discount = inputs
            carry = reward + discount * carry
            return carry, carry

        _, returns = lax.scan(step, init, (rewards, discounts), reverse=True)
    elif method == "associative":
        # Put the value after the end into the last reward.
        rewards = rewards.at[-1].add(discounts[-1] * init)

        def combine(late, early):
            late_discount, late_return = late
            discount, reward = early
            return discount * late_discount, reward + discount * late_return

        _, returns = lax.associative_scan(combine, (discounts, rewards), reverse=True)
    else:
        length = rewards.shape[0]

        def body(i, state):
            carry, returns = state
            time = length - 1 - i
            carry = rewards[time] + discounts[time] * carry
            return carry, returns.at[time].set(carry)

        _, returns = lax.fori_loop(0, length, body, (init, jnp.zeros_like(rewards)))
    if scale:
        returns = returns / (jnp.std(returns) + 1e-5)
    if first_only:
        return returns[0]
    return returns


def normalise_advantages(advantages, eps=1e-5):
    """Brings advantages to mean zero and deviation one."""
    return (advantages - jnp.mean(advantages)) / (jnp.std(advantages) + eps)


@family(
    "loop",
    rewards="t ...",
    values="t ...",
    last_value="...",
    dones="? t ... bool",
    discounts="? t ... in 0.5..1",
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    lam={0.95: 4, 0.9: 2, 0.8: 1, 0.97: 1},
    carry_value={False: 3, True: 2},
    normalise={False: 2, True: 2},
    with_targets={True: 3, False: 2},
    associative={False: 4, True: 1},
    sizes={"t": (4, 5, 6, 8, 10, 12), "b": (2, 4, 4)},
)
def generalized_advantages(
    rewards,
    values,
    last_value,
    dones=None,
    discounts=None,
    *,
    gamma=0.99,
    lam=0.95,
    carry_value=False,
    normalise=False,
    with_targets=True,
    associative=False,
):
    """Generalised advantage estimation.

    Args:
        rewards: rewards, with time first.
        values: predicted values of the same times.
        last_value: predicted value after the last time.
        dones: whether an episode ends at a time.
        discounts: how much the future counts at each time.
        gamma: the discount.
        lam: the decay of longer estimates.

    Returns:
        The advantages, and their sum with the values where targets are wanted.
    """
    if discounts is not None:
        discounts = gamma * discounts
    else:
        discounts = jnp.full_like(rewards, gamma)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    if carry_value:

        def step(carry, inputs):
            advantage, next_value = carry
            reward, value, discount = inputs
            delta = reward + discount * next_value - value
            advantage = delta + discount * lam * advantage
            return (advantage, value), advantage

        init = (jnp.zeros_like(last_value), last_value)
        _, advantages = lax.scan(step, init, (rewards, values, discounts), reverse=True)
    else:
        next_values = jnp.concatenate([values[1:], last_value[None]], axis=0)
        deltas = rewards + discounts * next_values - values
        if associative:

            def combine(late, early):
                return early[0] * late[0], early[1] + early[0] * late[1]

            _, advantages = lax.associative_scan(combine, (lam * discounts, deltas), reverse=True)
        else:

            def step(advantage, inputs):
                delta, discount = inputs
                advantage = delta + discount * lam * advantage
                return advantage, advantage

            init = jnp.zeros_like(last_value)
            _, advantages = lax.scan(step, init, (deltas, discounts), reverse=True)
    if with_targets:
        targets = advantages + values
        if normalise:
            advantages = normalise_advantages(advantages)
        return advantages, targets
    return advantages


@family(
    "loop",
    rewards="t ...",
    values="t ...",
    bootstrap="...",
    continues="? t ... in 0.5..1",
    weights="? t ... in 0.2..1",
    gamma={0.99: 4, 0.997: 1, 0.95: 2, 0.9: 1},
    lam={0.95: 4, 0.9: 2, 0.8: 1},
    mode={"targets": 4, "advantages": 2, "loss": 3},
    blend={False: 3, True: 2},
    symlog={False: 4, True: 1},
    sizes={"t": (4, 5, 6, 8, 10, 12), "b": (2, 4, 4)},
)
def lambda_returns(
    rewards,
    values,
    bootstrap,
    continues=None,
    weights=None,
    *,
    gamma=0.99,
    lam=0.95,
    mode="targets",
    blend=False,
    symlog=False,
):
    """Returns that mix predictions over all horizons.

    Args:
        rewards: rewards, with time first.
        values: values of the states that follow.
        bootstrap: the value at the end.
        continues: probability that the episode goes on.
        weights: a weight for each time.
        gamma: the discount.
        lam: the share of longer horizons.
    """
    if symlog:
        # The value function predicts compressed values.
        values = jnp.sign(values) * jnp.expm1(jnp.abs(values))
    if continues is not None:
        discounts = gamma * continues
    else:
        discounts = gamma * jnp.ones_like(rewards)
    if blend:

        def step(carry, inputs):
            reward, value, discount = inputs
            carry = reward + discount * ((1.0 - lam) * value + lam * carry)
            return carry, carry

        _, returns = lax.scan(step, bootstrap, (rewards, values, discounts), reverse=True)
    else:
        targets = rewards + (1.0 - lam) * discounts * values

        def step(carry, inputs):
            target, discount = inputs
            carry = target + lam * discount * carry
            return carry, carry

        _, returns = lax.scan(step, bootstrap, (targets, discounts), reverse=True)
    if mode == "advantages":
        returns = returns - values
    elif mode == "loss":
        returns = 0.5 * jnp.square(returns - values)
    if weights is not None:
        returns = returns * weights
    if mode == "loss":
        return jnp.mean(returns)
    else:
        return returns


@family(
    "elementwise",
    "loop",
    "reduction",
    rewards="b t",
    values="b t",
    dones="? b t bool",
    n={2: 2, 3: 3, 5: 2},
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    method={"loop": 3, "windows": 2},
    minus_values={False: 2, True: 1},
    pad={"zeros": 2, "last": 1},
    reduction={"none": 3, "loss": 2},
    sizes={"b": (2, 3, 4), "t": (6, 8, 10, 12)},
)
def n_step_returns(
    rewards,
    values,
    dones=None,
    *,
    n=3,
    gamma=0.99,
    method="loop",
    minus_values=False,
    pad="zeros",
    reduction="none",
):
    """Returns over a fixed number of steps, with the value of the state after them."""
    b, t = rewards.shape
    if dones is not None:
        alive = 1.0 - dones.astype(rewards.dtype)
    else:
        alive = jnp.ones_like(rewards)
    zeros = jnp.zeros((b, n), dtype=rewards.dtype)
    if pad == "last":
        next_values = jnp.concatenate([values, jnp.repeat(values[:, -1:], n, axis=1)], axis=1)
    else:
        next_values = jnp.concatenate([values, zeros], axis=1)
    rewards = jnp.concatenate([rewards, zeros], axis=1)
    alive = jnp.concatenate([alive, zeros + 1.0], axis=1)
    if method == "loop":
        returns = next_values[:, n : n + t]
        for i in reversed(range(n)):
            returns = rewards[:, i : i + t] + gamma * alive[:, i : i + t] * returns
    else:
        # All windows of n steps, as rows.
        index = jnp.arange(t)[:, None] + jnp.arange(n)[None, :]
        survival = jnp.cumprod(gamma * alive[:, index], axis=-1)
        worth = jnp.concatenate([jnp.ones_like(survival[..., :1]), survival[..., :-1]], axis=-1)
        returns = jnp.sum(rewards[:, index] * worth, axis=-1)
        returns = returns + survival[..., -1] * next_values[:, n : n + t]
    if reduction == "loss":
        return 0.5 * jnp.mean(jnp.square(returns - values))
    if minus_values:
        return returns - values
    return returns


@family(
    "loop",
    behaviour_log_probs="t ... in -2..-0.2",
    target_log_probs="t ... in -2..-0.2",
    rewards="t ...",
    values="t ...",
    bootstrap="...",
    dones="? t ... bool",
    gamma={0.99: 4, 0.95: 2},
    lam={1.0: 3, 0.95: 1, 0.9: 1},
    clip_rho={1.0: 4, 2.0: 1},
    clip_c={1.0: 4, 0.9: 1},
    with_advantages={True: 3, False: 2},
    carry_values={False: 3, True: 1},
    truncated={True: 5, False: 1},
    sizes={"t": (4, 5, 6, 8, 10), "b": (2, 4, 4)},
)
def vtrace(
    behaviour_log_probs,
    target_log_probs,
    rewards,
    values,
    bootstrap,
    dones=None,
    *,
    gamma=0.99,
    lam=1.0,
    clip_rho=1.0,
    clip_c=1.0,
    with_advantages=True,
    carry_values=False,
    truncated=True,
):
    """V-trace targets of an actor-critic that learns off-policy.

    Args:
        behaviour_log_probs: log-probabilities of the actions when they were taken.
        target_log_probs: log-probabilities of the actions now.
        rewards: rewards, with time first.
        values: predicted values.
        bootstrap: the value after the last time.
        dones: whether an episode ends at a time.
        gamma: the discount.
    """
    rhos = jnp.exp(target_log_probs - behaviour_log_probs)
    if truncated:
        clipped_rhos = jnp.minimum(rhos, clip_rho)
        cs = jnp.minimum(rhos, clip_c)
    else:
        clipped_rhos = rhos
        cs = rhos
    if lam != 1.0:
        cs = lam * cs
    discounts = jnp.full_like(rewards, gamma)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    next_values = jnp.concatenate([values[1:], bootstrap[None]], axis=0)
    deltas = clipped_rhos * (rewards + discounts * next_values - values)

    def step(carry, inputs):
        delta, discount, c = inputs
        carry = delta + discount * c * carry
        return carry, carry

    init = jnp.zeros_like(bootstrap)
    _, corrections = lax.scan(step, init, (deltas, discounts, cs), reverse=True)
    targets = values + corrections
    if with_advantages:
        # The policy's gradient uses the targets of the next times.
        next_targets = jnp.concatenate([targets[1:], bootstrap[None]], axis=0)
        advantages = clipped_rhos * (rewards + discounts * next_targets - values)
        return targets, advantages
    return targets


@family(
    "loop",
    q_values="t c",
    actions="t int c",
    log_ratios="t in -1..1",
    rewards="t",
    next_values="t",
    dones="? t bool",
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    lam={0.95: 3, 0.9: 2},
    kind={"retrace": 4, "tree_backup": 1, "q_lambda": 1, "importance": 1},
    as_error={False: 2, True: 1},
    loss={None: 3, "l2": 2, "huber": 1},
    sizes={"t": (4, 5, 6, 8, 10), "c": (4, 5, 6)},
)
def off_policy_targets(
    q_values,
    actions,
    log_ratios,
    rewards,
    next_values,
    dones=None,
    *,
    gamma=0.99,
    lam=0.95,
    kind="retrace",
    as_error=False,
    loss=None,
):
    """Off-policy corrected targets for the values of the actions taken."""
    q_taken = jnp.take_along_axis(q_values, actions[:, None], axis=1)[:, 0]
    ratios = jnp.exp(log_ratios)
    if kind == "retrace":
        traces = lam * jnp.minimum(1.0, ratios)
    elif kind == "tree_backup":
        traces = lam * jax.nn.sigmoid(log_ratios)
    elif kind == "q_lambda":
        # Only the step's own error is weighed.
        traces = lam * jnp.ones_like(ratios)
    else:
        traces = ratios
    discounts = gamma * jnp.ones_like(rewards)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    deltas = rewards + discounts * next_values - q_taken
    if kind == "q_lambda":
        deltas = deltas * jnp.minimum(1.0, ratios)
    next_traces = jnp.concatenate([traces[1:], jnp.ones(1, dtype=traces.dtype)])

    def step(carry, inputs):
        delta, weight = inputs
        carry = delta + weight * carry
        return carry, carry

    init = jnp.zeros((), dtype=rewards.dtype)
    _, errors = lax.scan(step, init, (deltas, discounts * next_traces), reverse=True)
    if loss == "l2":
        return 0.5 * jnp.mean(jnp.square(errors))
    elif loss == "huber":
        return jnp.mean(huber(errors))
    if as_error:
        return errors
    return q_taken + errors


def huber(x, delta=1.0):
    """Huber loss of an error."""
    abs_x = jnp.abs(x)
    quadratic = jnp.minimum(abs_x, delta)
    return 0.5 * jnp.square(quadratic) + delta * (abs_x - quadratic)


# ---------------------------------------------------------------- policy gradients


def categorical_entropy(logits):
    """Entropy of categorical distributions."""
    log_p = jax.nn.log_softmax(logits, axis=-1)
    return -jnp.sum(jnp.exp(log_p) * log_p, axis=-1)


@family(
    "reduction",
    logits="n c in -2..2",
    actions="n int c",
    old_log_probs="n in -2.5..-0.5",
    advantages="n",
    values="n",
    returns="n",
    old_values="? n",
    mask="? n bool",
    clip_eps={0.2: 4, 0.1: 1, 0.3: 1},
    normalise={True: 3, False: 2},
    clip_value={False: 2, True: 2},
    value_kind={"squared": 4, "huber": 1},
    dual_clip={None: 5, 3.0: 1},
    kl_coef={None: 4, 0.1: 1},
    entropy_coef={0.01: 3, 0.001: 1, 0.05: 1},
    value_coef={0.5: 4, 0.25: 1},
    with_metrics={False: 3, True: 2},
    sizes={"n": (4, 5, 6, 8, 12), "c": (4, 5, 6)},
    weight=14,
)
def ppo_loss(
    logits,
    actions,
    old_log_probs,
    advantages,
    values,
    returns,
    old_values=None,
    mask=None,
    *,
    clip_eps=0.2,
    normalise=True,
    clip_value=False,
    value_kind="squared",
    dual_clip=None,
    kl_coef=None,
    entropy_coef=0.01,
    value_coef=0.5,
    with_metrics=False,
):
    """Loss of proximal policy optimisation: policy, value and entropy.

    Args:
        logits: the policy's output, of shape (batch, actions).
        actions: the actions taken.
        old_log_probs: their log-probabilities at that time.
        advantages: their estimated advantages.
        values: predicted values.
        returns: what the values should be.
        old_values: the values that were predicted at that time.
        mask: which samples count.
        clip_eps: how far the ratio may move.
    """
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    log_prob = jnp.take_along_axis(log_probs, actions[:, None], axis=-1)[:, 0]
    log_ratio = log_prob - old_log_probs
    ratio = jnp.exp(log_ratio)
    if normalise:
        advantages = normalise_advantages(advantages)
    clipped_ratio = jnp.clip(ratio, 1.0 - clip_eps, 1.0 + clip_eps)
    objective = jnp.minimum(ratio * advantages, clipped_ratio * advantages)
    if dual_clip is not None:
        # Bound the loss of actions that turned out badly.
        bound = jnp.maximum(objective, dual_clip * advantages)
        objective = jnp.where(advantages < 0, bound, objective)
    value_error = values - returns
    if value_kind == "huber":
        value_loss = huber(value_error)
    else:
        value_loss = 0.5 * jnp.square(value_error)
    if old_values is not None:
        if clip_value:
            clipped = old_values + jnp.clip(values - old_values, -clip_eps, clip_eps)
            value_loss = jnp.maximum(value_loss, 0.5 * jnp.square(clipped - returns))
        else:
            # Values may move only slowly.
            value_loss = value_loss + 0.1 * jnp.square(values - old_values)
    entropy = categorical_entropy(logits)
    loss = -objective + value_coef * value_loss - entropy_coef * entropy
    if kl_coef is not None:
        approx_kl = ratio - 1.0 - log_ratio
        loss = loss + kl_coef * approx_kl
    if mask is not None:
        mask = mask.astype(loss.dtype)
        total = jnp.sum(loss * mask) / jnp.maximum(jnp.sum(mask), 1.0)
    else:
        total = jnp.mean(loss)
    if with_metrics:
        return total, -jnp.mean(objective), jnp.mean(value_loss), jnp.mean(entropy)
    return total


def gaussian_log_prob(x, mean, log_std):
    """Log-density of a diagonal normal distribution."""
    z = (x - mean) * jnp.exp(-log_std)
    return jnp.sum(-0.5 * jnp.square(z) - log_std - 0.5 * jnp.log(2.0 * jnp.pi), axis=-1)


@family(
    "reduction",
    states="n d",
    w_mean="d k in -0.5..0.5",
    log_std="k in -1..0.5",
    actions="n k",
    old_log_probs="n in -6..-2",
    w_value="d in -0.5..0.5",
    returns="n",
    advantages="? n",
    clip_eps={0.2: 4, 0.1: 1, 0.3: 1},
    objective={"clip": 4, "kl_penalty": 1, "truncated": 1},
    squash={False: 3, True: 1},
    normalise={True: 2, False: 2},
    entropy_coef={None: 2, 0.01: 2, 0.001: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "k": (2, 4)},
    only="float32",
)
def gaussian_ppo_loss(
    states,
    w_mean,
    log_std,
    actions,
    old_log_probs,
    w_value,
    returns,
    advantages=None,
    *,
    clip_eps=0.2,
    objective="clip",
    squash=False,
    normalise=True,
    entropy_coef=None,
):
    """Loss of policy and values with continuous actions and linear models."""
    mean = states @ w_mean
    if squash:
        mean = jnp.tanh(mean)
    log_probs = gaussian_log_prob(actions, mean, log_std)
    log_ratio = jnp.clip(log_probs - old_log_probs, -5.0, 5.0)
    ratio = jnp.exp(log_ratio)
    values = states @ w_value
    value_loss = 0.5 * jnp.mean(jnp.square(values - returns))
    if advantages is None:
        advantages = returns - lax.stop_gradient(values)
    if normalise:
        advantages = normalise_advantages(advantages)
    if objective == "clip":
        clipped = jnp.clip(ratio, 1.0 - clip_eps, 1.0 + clip_eps)
        policy_loss = -jnp.mean(jnp.minimum(ratio * advantages, clipped * advantages))
    elif objective == "truncated":
        policy_loss = -jnp.mean(jnp.minimum(ratio, 1.0 + clip_eps) * advantages)
    else:
        approx_kl = ratio - 1.0 - log_ratio
        policy_loss = -jnp.mean(ratio * advantages) + 0.5 * jnp.mean(approx_kl)
    loss = policy_loss + 0.5 * value_loss
    if entropy_coef is not None:
        entropy = jnp.sum(log_std + 0.5 * jnp.log(2.0 * jnp.pi * jnp.e))
        loss = loss - entropy_coef * entropy
    return loss


@family(
    "loop",
    logits="t c in -2..2",
    actions="t int c",
    rewards="t",
    values="t",
    bootstrap="",
    dones="? t bool",
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    estimate={"returns": 3, "gae": 3},
    normalise={False: 3, True: 1},
    entropy_coef={0.01: 3, 0.001: 1, 0.05: 1},
    value_kind={"squared": 4, "huber": 1},
    with_parts={False: 3, True: 1},
    reduction={"mean": 3, "sum": 1},
    sizes={"t": (4, 5, 6, 8, 10), "c": (4, 5, 6)},
)
def actor_critic_loss(
    logits,
    actions,
    rewards,
    values,
    bootstrap,
    dones=None,
    *,
    gamma=0.99,
    estimate="returns",
    normalise=False,
    entropy_coef=0.01,
    value_kind="squared",
    with_parts=False,
    reduction="mean",
):
    """Loss of an actor and a critic on one trajectory.

    Args:
        logits: the policy's output, of shape (time, actions).
        actions: the actions taken.
        rewards: the rewards that followed.
        values: the critic's predictions.
        bootstrap: the prediction after the last time.
        dones: whether an episode ends at a time.
        gamma: the discount.
    """
    discounts = gamma * jnp.ones_like(rewards)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    if estimate == "gae":
        next_values = jnp.append(values[1:], bootstrap)
        deltas = rewards + discounts * next_values - values

        def step(carry, inputs):
            delta, discount = inputs
            carry = delta + 0.95 * discount * carry
            return carry, carry

        _, advantages = lax.scan(step, jnp.zeros_like(bootstrap), (deltas, discounts), reverse=True)
    else:

        def step(carry, inputs):
            reward, discount = inputs
            carry = reward + discount * carry
            return carry, carry

        _, returns = lax.scan(step, bootstrap, (rewards, discounts), reverse=True)
        advantages = returns - values
    if value_kind == "huber":
        value_loss = huber(advantages)
    else:
        value_loss = 0.5 * jnp.square(advantages)
    # The critic learns from its own loss alone.
    weights = lax.stop_gradient(advantages)
    if normalise:
        weights = normalise_advantages(weights)
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    taken = jnp.take_along_axis(log_probs, actions[:, None], axis=-1).squeeze(-1)
    policy_loss = -taken * weights
    entropy = categorical_entropy(logits)
    if reduction == "mean":
        policy_loss = jnp.mean(policy_loss)
        value_loss = jnp.mean(value_loss)
        entropy = jnp.mean(entropy)
    else:
        policy_loss = jnp.sum(policy_loss)
        value_loss = jnp.sum(value_loss)
        entropy = jnp.sum(entropy)
    loss = policy_loss + 0.5 * value_loss - entropy_coef * entropy
    if with_parts:
        return loss, policy_loss, value_loss
    return loss


@family(
    "reduction",
    logits="... n c in -2..2",
    actions="... n int c",
    returns="... n",
    baseline="? ... n",
    mask="? ... n bool",
    action_mask="? c bool",
    centre={None: 3, "mean": 1, "leave_one_out": 1},
    entropy_coef={None: 2, 0.01: 2, 0.1: 1},
    one_hot={False: 2, True: 2},
    scale={False: 3, True: 1},
    reduction={"mean": 3, "sum": 2, "none": 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6), "b": (2, 4)},
)
def policy_gradient_loss(
    logits,
    actions,
    returns,
    baseline=None,
    mask=None,
    action_mask=None,
    *,
    centre=None,
    entropy_coef=None,
    one_hot=False,
    scale=False,
    reduction="mean",
):
    """Loss whose gradient is the policy gradient."""
    if action_mask is not None:
        # Forbidden actions get hardly any probability.
        logits = jnp.where(action_mask, logits, logits - 20.0)
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if one_hot:
        chosen = jax.nn.one_hot(actions, logits.shape[-1], dtype=logits.dtype)
        log_prob = jnp.sum(log_probs * chosen, axis=-1)
    else:
        log_prob = jnp.take_along_axis(log_probs, actions[..., None], axis=-1)[..., 0]
    advantages = returns
    if baseline is not None:
        advantages = advantages - baseline
    if centre == "mean":
        advantages = advantages - jnp.mean(advantages, axis=-1, keepdims=True)
    elif centre == "leave_one_out":
        n = advantages.shape[-1]
        others = (jnp.sum(advantages, axis=-1, keepdims=True) - advantages) / (n - 1)
        advantages = advantages - others
    if scale:
        advantages = advantages / (jnp.std(advantages, axis=-1, keepdims=True) + 1e-4)
    loss = -log_prob * advantages
    if entropy_coef is not None:
        entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
        loss = loss - entropy_coef * entropy
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduction == "mean":
        return jnp.mean(loss)
    elif reduction == "sum":
        return jnp.sum(loss)
    else:
        return loss


# ---------------------------------------------------------------- values of actions


@family(
    "reduction",
    rewards="n",
    next_q="n c",
    dones="n bool",
    other_next_q="? n c",
    next_logits="? n c",
    kind={"max": 4, "soft": 2, "mellowmax": 1, "mean": 1},
    combine={"min": 3, "mean": 1, "mix": 1},
    gamma={0.99: 4, 0.95: 2, 0.9: 1},
    temperature={0.1: 1, 0.5: 2, 2.0: 1},
    clip_reward={False: 3, True: 1},
    bounds={None: 4, 10.0: 1},
    sizes={"n": (4, 5, 6, 8, 12), "c": (4, 5, 6)},
)
def td_targets(
    rewards,
    next_q,
    dones,
    other_next_q=None,
    next_logits=None,
    *,
    kind="max",
    combine="min",
    gamma=0.99,
    temperature=0.5,
    clip_reward=False,
    bounds=None,
):
    """Targets of temporal difference learning.

    Args:
        rewards: the rewards.
        next_q: values of the actions in the next states.
        dones: whether the episode ended.
        other_next_q: the values by a second network.
        next_logits: the policy in the next states.
        gamma: the discount.
        temperature: how soft the maximum is.
    """
    if clip_reward:
        rewards = jnp.tanh(rewards)
    if other_next_q is not None:
        if combine == "min":
            next_q = jnp.minimum(next_q, other_next_q)
        elif combine == "mix":
            low = jnp.minimum(next_q, other_next_q)
            high = jnp.maximum(next_q, other_next_q)
            next_q = 0.75 * low + 0.25 * high
        else:
            next_q = 0.5 * (next_q + other_next_q)
    if next_logits is not None:
        probs = jax.nn.softmax(next_logits, axis=-1)
        next_value = jnp.sum(probs * next_q, axis=-1)
        if kind == "soft":
            entropy = -jnp.sum(probs * jax.nn.log_softmax(next_logits, axis=-1), axis=-1)
            next_value = next_value + temperature * entropy
    elif kind == "max":
        next_value = jnp.max(next_q, axis=-1)
    elif kind == "soft":
        next_value = temperature * jax.nn.logsumexp(next_q / temperature, axis=-1)
    elif kind == "mellowmax":
        next_value = temperature * (
            jax.nn.logsumexp(next_q / temperature, axis=-1) - jnp.log(next_q.shape[-1])
        )
    else:
        next_value = jnp.mean(next_q, axis=-1)
    targets = rewards + gamma * (1.0 - dones) * next_value
    if bounds is not None:
        targets = jnp.clip(targets, -bounds, bounds)
    return targets


def q_network(states, w_hidden, w_out):
    """Values of all actions by a network with one hidden layer."""
    hidden = jax.nn.relu(states @ w_hidden)
    return hidden @ w_out


@family(
    "reduction",
    w_hidden="d f in -0.7..0.7",
    w_out="f c in -0.7..0.7",
    target_hidden="d f in -0.7..0.7",
    target_out="f c in -0.7..0.7",
    states="n d",
    actions="n int c",
    rewards="n",
    next_states="n d",
    dones="n bool",
    weights="? n in 0.2..1",
    double={False: 2, True: 3},
    gamma={0.99: 4, 0.95: 2},
    loss_type={"squared": 3, "huber": 3, "log_cosh": 1},
    munchausen={None: 4, 0.9: 1},
    with_priorities={False: 3, True: 1},
    one_hot={False: 3, True: 1},
    reduction={"mean": 4, "sum": 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5), "d": (4, 6), "f": (6, 8)},
)
def dqn_loss(
    w_hidden,
    w_out,
    target_hidden,
    target_out,
    states,
    actions,
    rewards,
    next_states,
    dones,
    weights=None,
    *,
    double=False,
    gamma=0.99,
    loss_type="squared",
    munchausen=None,
    with_priorities=False,
    one_hot=False,
    reduction="mean",
):
    """Loss of a deep Q-network on a batch of transitions.

    Args:
        w_hidden: first layer of the online network.
        w_out: second layer of the online network.
        target_hidden: first layer of the target network.
        target_out: second layer of the target network.
        states: the states.
        actions: the actions taken.
        rewards: the rewards received.
        next_states: the states that followed.
        dones: whether the episode ended.
        weights: importance weights of the replay.
        gamma: the discount.
    """
    q_values = q_network(states, w_hidden, w_out)
    next_q = q_network(next_states, target_hidden, target_out)
    if one_hot:
        chosen = jax.nn.one_hot(actions, q_values.shape[-1], dtype=q_values.dtype)
        q_taken = jnp.sum(q_values * chosen, axis=-1)
    else:
        q_taken = jnp.take_along_axis(q_values, actions[:, None], axis=-1)[:, 0]
    if double:
        # The online network chooses, the target network says what that is worth.
        best = jnp.argmax(q_network(next_states, w_hidden, w_out), axis=-1)
        next_value = jnp.take_along_axis(next_q, best[:, None], axis=-1)[:, 0]
    else:
        next_value = jnp.max(next_q, axis=-1)
    if munchausen is not None:
        # Reward actions that are likely by now.
        target_q = q_network(states, target_hidden, target_out)
        log_policy = jax.nn.log_softmax(target_q / 0.5, axis=-1)
        bonus = jnp.take_along_axis(log_policy, actions[:, None], axis=-1)[:, 0]
        rewards = rewards + munchausen * jnp.clip(bonus, -1.0, 0.0)
    target = rewards + gamma * (1.0 - dones) * next_value
    td_error = target - q_taken
    if loss_type == "squared":
        loss = 0.5 * jnp.square(td_error)
    elif loss_type == "huber":
        loss = huber(td_error)
    else:
        loss = jnp.log(jnp.cosh(td_error))
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        loss = jnp.mean(loss)
    else:
        loss = jnp.sum(loss)
    if with_priorities:
        return loss, jnp.abs(td_error) + 1e-3
    return loss


@family(
    "reduction",
    "multi_statement",
    next_logits="n k in -2..2",
    rewards="n",
    discounts="n in 0.5..1",
    logits="n k in -2..2",
    weights="? n in 0.2..1",
    v_max={5.0: 2, 10.0: 2, 3.0: 1},
    symmetric={True: 3, False: 1},
    method={"kernel": 3, "scatter": 2},
    as_kl={False: 3, True: 1},
    with_targets={False: 3, True: 1},
    reduction={"mean": 3, "none": 1},
    sizes={"n": (4, 5, 6, 8), "k": (5, 7, 8, 11)},
    only="float32",
)
def categorical_td_loss(
    next_logits,
    rewards,
    discounts,
    logits,
    weights=None,
    *,
    v_max=10.0,
    symmetric=True,
    method="kernel",
    as_kl=False,
    with_targets=False,
    reduction="mean",
):
    """Loss of a predicted distribution of returns on a fixed support.

    Args:
        next_logits: the distribution in the next states, of shape (batch, atoms).
        rewards: the rewards.
        discounts: the discounts, zero where an episode ends.
        logits: the predicted distribution.
        weights: a weight for each row.
        v_max: the largest return.
    """
    n, num_atoms = next_logits.shape
    if symmetric:
        v_min = -v_max
    else:
        v_min = -1.0
    support = jnp.linspace(v_min, v_max, num_atoms)
    spacing = (v_max - v_min) / (num_atoms - 1)
    next_probs = jax.nn.softmax(next_logits, axis=-1)
    shifted = rewards[:, None] + discounts[:, None] * support[None, :]
    shifted = jnp.clip(shifted, v_min, v_max)
    if method == "kernel":
        distance = jnp.abs(shifted[:, None, :] - support[None, :, None]) / spacing
        share = jnp.clip(1.0 - distance, 0.0, 1.0)
        projected = jnp.sum(share * next_probs[:, None, :], axis=-1)
    else:
        position = (shifted - v_min) / spacing
        lower = jnp.clip(jnp.floor(position), 0, num_atoms - 2)
        upper_share = position - lower
        index = lower.astype(jnp.int32)
        rows = jnp.arange(n)[:, None]
        projected = jnp.zeros_like(next_probs)
        projected = projected.at[rows, index].add(next_probs * (1.0 - upper_share))
        projected = projected.at[rows, index + 1].add(next_probs * upper_share)
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    loss = -jnp.sum(projected * log_probs, axis=-1)
    if as_kl:
        loss = loss + jnp.sum(projected * jnp.log(projected + 1e-6), axis=-1)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        loss = jnp.mean(loss)
    if with_targets:
        return loss, projected
    return loss


@family(
    "reduction",
    quantiles="n k",
    next_quantiles="n m",
    rewards="n",
    dones="? n bool",
    taus="? n k in 0.05..0.95",
    weights="? n in 0.2..1",
    gamma={0.99: 4, 0.95: 2},
    kappa={0.5: 3, 2.0: 1, 0.0: 1},
    reduction={"mean": 3, "none": 1},
    truncate={0: 4, 2: 1},
    loop_order={"targets_last": 2, "targets_first": 1},
    sizes={"n": (4, 5, 6), "k": (4, 5, 7), "m": (4, 5, 7)},
)
def quantile_td_loss(
    quantiles,
    next_quantiles,
    rewards,
    dones=None,
    taus=None,
    weights=None,
    *,
    gamma=0.99,
    kappa=0.5,
    reduction="mean",
    truncate=0,
    loop_order="targets_last",
):
    """Quantile regression loss of a distribution of returns."""
    num_quantiles = quantiles.shape[-1]
    if taus is None:
        # The middles of equal parts.
        taus = (jnp.arange(num_quantiles) + 0.5)[None, :] / num_quantiles
    if truncate > 0:
        # Leave out the largest ones, which are overestimated.
        next_quantiles = jnp.sort(next_quantiles, axis=-1)[:, :-truncate]
    if dones is not None:
        discounts = gamma * (1.0 - dones)[:, None]
        targets = rewards[:, None] + discounts * next_quantiles
    else:
        targets = rewards[:, None] + gamma * next_quantiles
    if loop_order == "targets_last":
        errors = targets[:, None, :] - quantiles[:, :, None]
        levels = taus[:, :, None]
        axis = 1
    else:
        errors = targets[:, :, None] - quantiles[:, None, :]
        levels = taus[:, None, :]
        axis = 2
    weight = jnp.abs(levels - (errors < 0))
    if kappa > 0:
        abs_errors = jnp.abs(errors)
        size = jnp.where(
            abs_errors <= kappa, 0.5 * jnp.square(errors), kappa * (abs_errors - 0.5 * kappa)
        )
        loss = weight * size / kappa
    else:
        loss = weight * jnp.abs(errors)
    loss = jnp.mean(jnp.sum(loss, axis=axis), axis=-1)
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        return jnp.mean(loss)
    else:
        return loss


# ---------------------------------------------------------------- soft actor-critic


@family(
    "reduction",
    mean="n k in -1..1",
    log_std="n k in -2..0.5",
    noise="n k",
    q_weights="k in -1..1",
    other_q_weights="? k in -1..1",
    log_alpha="? in -2..0",
    alpha={0.2: 3, 0.1: 1, 0.05: 1},
    clip_std={True: 3, False: 1},
    correction={"log_tanh": 3, "softplus": 2},
    with_alpha_loss={False: 3, True: 1},
    combine={"min": 4, "mean": 1},
    reduction={"mean": 4, "none": 1},
    sizes={"n": (4, 5, 6, 8), "k": (2, 4, 5, 6)},
    only="float32",
)
def squashed_actor_loss(
    mean,
    log_std,
    noise,
    q_weights,
    other_q_weights=None,
    log_alpha=None,
    *,
    alpha=0.2,
    clip_std=True,
    correction="log_tanh",
    with_alpha_loss=False,
    combine="min",
    reduction="mean",
):
    """Actor loss of soft actor-critic, with a squashed normal policy.

    Args:
        mean: mean of the actions before the squashing.
        log_std: log of their deviations.
        noise: standard normal noise.
        q_weights: a critic that is quadratic in the actions.
        other_q_weights: a second critic.
        log_alpha: log of the entropy's weight.
    """
    if clip_std:
        log_std = jnp.clip(log_std, -5.0, 2.0)
    pre_tanh = mean + jnp.exp(log_std) * noise
    actions = jnp.tanh(pre_tanh)
    log_prob = -0.5 * jnp.square(noise) - log_std - 0.5 * jnp.log(2.0 * jnp.pi)
    if correction == "log_tanh":
        log_prob = log_prob - jnp.log(1.0 - jnp.square(actions) + 1e-3)
    else:
        # The same as log(1 - tanh^2), but stable.
        log_prob = log_prob - 2.0 * (jnp.log(2.0) - pre_tanh - jax.nn.softplus(-2.0 * pre_tanh))
    log_prob = jnp.sum(log_prob, axis=-1)
    q = -jnp.sum(jnp.square(actions - q_weights), axis=-1)
    if other_q_weights is not None:
        other_q = -jnp.sum(jnp.square(actions - other_q_weights), axis=-1)
        if combine == "min":
            q = jnp.minimum(q, other_q)
        else:
            q = 0.5 * (q + other_q)
    if log_alpha is not None:
        actor_loss = jnp.exp(log_alpha) * log_prob - q
    else:
        actor_loss = alpha * log_prob - q
    if reduction == "mean":
        actor_loss = jnp.mean(actor_loss)
    if with_alpha_loss:
        target_entropy = -mean.shape[-1]
        if log_alpha is not None:
            alpha_loss = -jnp.exp(log_alpha) * jnp.mean(log_prob + target_entropy)
        else:
            alpha_loss = -alpha * jnp.mean(log_prob + target_entropy)
        return actor_loss, alpha_loss
    return actor_loss


@family(
    "reduction",
    "multi_statement",
    "elementwise",
    q1="n",
    q2="n",
    next_q1="n",
    next_q2="n",
    rewards="n",
    dones="n bool",
    next_log_prob="? n in -3..0",
    weights="? n in 0.2..1",
    gamma={0.99: 4, 0.95: 2},
    alpha={0.2: 3, 0.1: 1},
    combine={"min": 4, "mean": 1, "soft_min": 1},
    loss_type={"squared": 4, "huber": 2},
    reward_scale={None: 3, 5.0: 1, 0.1: 1},
    separate={False: 3, True: 1},
    reduction={"mean": 4, "none": 1},
    sizes={"n": (4, 5, 6, 8, 12)},
)
def soft_critic_loss(
    q1,
    q2,
    next_q1,
    next_q2,
    rewards,
    dones,
    next_log_prob=None,
    weights=None,
    *,
    gamma=0.99,
    alpha=0.2,
    combine="min",
    loss_type="squared",
    reward_scale=None,
    separate=False,
    reduction="mean",
):
    """Loss of two critics with a common target."""
    if combine == "min":
        next_value = jnp.minimum(next_q1, next_q2)
    elif combine == "mean":
        next_value = 0.5 * (next_q1 + next_q2)
    else:
        next_value = -jnp.logaddexp(-next_q1, -next_q2) + jnp.log(2.0)
    if next_log_prob is not None:
        # The entropy of the policy is worth something.
        next_value = next_value - alpha * next_log_prob
    if reward_scale is not None:
        rewards = reward_scale * rewards
    target = rewards + gamma * (1.0 - dones) * next_value
    if loss_type == "squared":
        loss1 = 0.5 * jnp.square(q1 - target)
        loss2 = 0.5 * jnp.square(q2 - target)
    else:
        loss1 = huber(q1 - target)
        loss2 = huber(q2 - target)
    if weights is not None:
        loss1 = weights * loss1
        loss2 = weights * loss2
    if reduction == "mean":
        loss1 = jnp.mean(loss1)
        loss2 = jnp.mean(loss2)
    if separate:
        return loss1, loss2
    return loss1 + loss2


@family(
    "elementwise",
    "scalar_array",
    "branch",
    "contraction",
    target_params="d e",
    online_params="d e",
    tau="? in 0.01..0.5",
    num_updates="? int 40",
    frozen="? e bool",
    rate={0.005: 2, 0.01: 2, 0.05: 1},
    warmup={"harmonic": 2, "linear": 1, "periodic": 2},
    clip={None: 4, 0.5: 1, 1.0: 1},
    renormalise={False: 4, True: 1},
    sizes={"d": (4, 6, 8), "e": (4, 6, 8)},
)
def soft_update(
    target_params,
    online_params,
    tau=None,
    num_updates=None,
    frozen=None,
    *,
    rate=0.005,
    warmup="harmonic",
    clip=None,
    renormalise=False,
):
    """Moves the parameters of a target network towards those of the online network.

    Args:
        target_params: parameters of the target network.
        online_params: parameters of the online network.
        tau: how far they move.
        num_updates: how often the online network was updated.
        frozen: which columns don't move.
    """
    if tau is not None:
        share = tau
    else:
        share = rate
    if num_updates is not None:
        if warmup == "harmonic":
            # Follow closely at first.
            share = jnp.maximum(share, 1.0 / (1.0 + num_updates))
        elif warmup == "linear":
            share = share * jnp.minimum(1.0, num_updates / 20.0)
        else:
            # Copy everything from time to time.
            share = jnp.where(num_updates % 10 == 0, 1.0, share)
    change = online_params - target_params
    if clip is not None:
        change = jnp.clip(change, -clip, clip)
    if frozen is not None:
        change = jnp.where(frozen, 0.0, change)
    target_params = target_params + share * change
    if renormalise:
        target_params = target_params / jnp.sqrt(
            1e-3 + jnp.mean(jnp.square(target_params), axis=0, keepdims=True)
        )
    return target_params


@family(
    "multi_statement",
    target_w="d e",
    target_b="e",
    online_w="d e",
    online_b="e",
    tau="? in 0.01..0.5",
    rate={0.005: 2, 0.01: 2, 0.05: 1},
    mapped={True: 3, False: 2},
    lerp={True: 2, False: 2},
    with_distance={False: 3, True: 1},
    sizes={"d": (4, 6, 8), "e": (4, 6, 8)},
    weight=4,
)
def update_target_layer(
    target_w,
    target_b,
    online_w,
    online_b,
    tau=None,
    *,
    rate=0.005,
    mapped=True,
    lerp=True,
    with_distance=False,
):
    """Soft update of a layer of a target network."""
    if tau is None:
        tau = rate
    if mapped:
        target_params = (target_w, target_b)
        online_params = (online_w, online_b)
        if lerp:
            new_w, new_b = jax.tree.map(
                lambda t, o: (1.0 - tau) * t + tau * o, target_params, online_params
            )
        else:
            new_w, new_b = jax.tree.map(
                lambda t, o: t + tau * (o - t), target_params, online_params
            )
    elif lerp:
        new_w = (1.0 - tau) * target_w + tau * online_w
        new_b = (1.0 - tau) * target_b + tau * online_b
    else:
        new_w = target_w + tau * (online_w - target_w)
        new_b = target_b + tau * (online_b - target_b)
    if with_distance:
        # How far the target is still behind.
        squared = jnp.sum(jnp.square(online_w - new_w)) + jnp.sum(jnp.square(online_b - new_b))
        return new_w, new_b, jnp.sqrt(squared + 1e-8)
    return new_w, new_b


# ---------------------------------------------------------------- policies


@family(
    "reduction",
    "contraction",
    "multi_statement",
    "branch",
    q_values="n c",
    epsilon="? in 0.05..0.5",
    legal="? n c bool",
    kind={"greedy": 3, "boltzmann": 3, "share_ties": 2},
    temperature={0.5: 2, 0.1: 1, 2.0: 1},
    with_probs={False: 3, True: 2},
    with_entropy={False: 4, True: 1},
    advantage={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6)},
    only="float32",
)
def policy_value(
    q_values,
    epsilon=None,
    legal=None,
    *,
    kind="greedy",
    temperature=0.5,
    with_probs=False,
    with_entropy=False,
    advantage=False,
):
    """Value of states under a policy that explores, by the values of the actions.

    Args:
        q_values: values of shape (states, actions).
        epsilon: the share of random actions.
        legal: which actions are possible.
        temperature: how soft the choice is.
    """
    num_actions = q_values.shape[-1]
    if legal is not None:
        scores = jnp.where(legal, q_values, q_values - 50.0)
    else:
        scores = q_values
    if kind == "greedy":
        probs = jax.nn.one_hot(jnp.argmax(scores, axis=-1), num_actions)
    elif kind == "boltzmann":
        probs = jax.nn.softmax(scores / temperature, axis=-1)
    else:
        # All actions that are best share the probability.
        best = scores >= jnp.max(scores, axis=-1, keepdims=True)
        probs = best / jnp.sum(best, axis=-1, keepdims=True)
    if epsilon is not None:
        probs = (1.0 - epsilon) * probs + epsilon / num_actions
    value = jnp.sum(probs * q_values, axis=-1)
    if with_entropy:
        entropy = -jnp.sum(probs * jnp.log(probs + 1e-6), axis=-1)
        value = value + 0.1 * entropy
    if advantage:
        return q_values - value[:, None]
    if with_probs:
        return value, probs
    return value


@family(
    "contraction",
    "elementwise",
    "scalar_array",
    means="... n",
    counts="... n in 1..30",
    priors="? ... n in 0.05..1",
    variances="? ... n in 0.05..0.5",
    total="? ... in 40..200",
    kind={"ucb1": 4, "puct": 4, "tuned": 2, "count": 1},
    c={1.25: 2, 2.0: 2, 0.5: 1},
    rescale={False: 3, True: 1},
    virtual_loss={False: 4, True: 1},
    sizes={"n": (4, 5, 6, 8), "b": (2, 4)},
)
def ucb_scores(
    means,
    counts,
    priors=None,
    variances=None,
    total=None,
    *,
    kind="ucb1",
    c=1.25,
    rescale=False,
    virtual_loss=False,
):
    """Scores of actions: their mean values and a bonus for what is little known.

    Args:
        means: mean value of each action.
        counts: how often each was tried.
        priors: how likely each is by a policy.
        variances: variance of the values of each.
        total: how often any was tried.
        c: weight of the bonus.
    """
    if total is None:
        total = jnp.sum(counts, axis=-1)
    total = total[..., None]
    if rescale:
        low = jnp.min(means, axis=-1, keepdims=True)
        high = jnp.max(means, axis=-1, keepdims=True)
        means = (means - low) / (high - low + 1e-3)
    if virtual_loss:
        # Someone else tries each of them at the moment.
        means = (means * counts - 1.0) / (counts + 1.0)
        counts = counts + 1.0
    if kind == "puct":
        bonus = jnp.sqrt(total) / (1.0 + counts)
        if priors is None:
            bonus = bonus / means.shape[-1]
    elif kind == "tuned":
        exploration = jnp.log(total) / counts
        bonus = jnp.sqrt(exploration * jnp.minimum(0.25, 0.1 + jnp.sqrt(2.0 * exploration)))
    elif kind == "count":
        bonus = 1.0 / jnp.sqrt(1.0 + counts)
        bonus = bonus * jnp.sqrt(jnp.log1p(total))
    else:
        bonus = jnp.sqrt(2.0 * jnp.log(total) / counts)
    if priors is not None:
        bonus = bonus * priors
    if variances is not None:
        bonus = bonus * jnp.sqrt(variances + 1.0 / counts)
    return means + c * bonus


@family(
    "contraction",
    "reduction",
    "branch",
    "nested_branch",
    "multi_statement",
    preferences="n c",
    temperature="? in 0.3..2",
    legal="? n c bool",
    prior="? c in 0.1..1",
    uniform_share={None: 3, 0.1: 1, 0.05: 1},
    baseline={None: 3, "mean": 1, "max": 1},
    top={None: 4, 2: 1},
    output={"log_probs": 3, "value": 2, "entropy": 1},
    both={False: 4, True: 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6, 8)},
    only="float32",
)
def boltzmann_policy(
    preferences,
    temperature=None,
    legal=None,
    prior=None,
    *,
    uniform_share=None,
    baseline=None,
    top=None,
    output="log_probs",
    both=False,
):
    """Policy that prefers actions by their values."""
    logits = preferences
    if baseline == "mean":
        logits = logits - jnp.mean(logits, axis=-1, keepdims=True)
    elif baseline == "max":
        logits = logits - jnp.max(logits, axis=-1, keepdims=True)
    if temperature is not None:
        logits = logits / temperature
    if prior is not None:
        logits = logits + jnp.log(prior)
    if legal is not None:
        logits = jnp.where(legal, logits, -30.0)
    if top is not None:
        # Only the best actions are tried.
        threshold = jnp.sort(logits, axis=-1)[:, -top]
        logits = jnp.where(logits >= threshold[:, None], logits, -30.0)
    probs = jax.nn.softmax(logits, axis=-1)
    if uniform_share is not None:
        probs = (1.0 - uniform_share) * probs + uniform_share / logits.shape[-1]
    log_probs = jnp.log(probs + 1e-6)
    entropy = -jnp.sum(probs * log_probs, axis=-1)
    if both:
        return probs, entropy
    if output == "log_probs":
        return log_probs
    elif output == "value":
        return jnp.sum(probs * preferences, axis=-1)
    else:
        return entropy


# ---------------------------------------------------------------- tables


@family(
    "loop",
    rewards="n c",
    transition_logits="c n n",
    init="? n",
    kind={"max": 3, "soft": 3, "mean": 1},
    num_iterations={4: 2, 6: 2, 8: 2},
    gamma={0.9: 3, 0.95: 2, 0.99: 1},
    output={"values": 3, "q_values": 2, "log_policy": 1},
    scan={False: 2, True: 2},
    damping={None: 4, 0.5: 1},
    residuals={False: 3, True: 1},
    sizes={"n": (4, 5, 6), "c": (2, 4)},
    only="float32",
)
def value_iteration(
    rewards,
    transition_logits,
    init=None,
    *,
    kind="max",
    num_iterations=6,
    gamma=0.9,
    output="values",
    scan=False,
    damping=None,
    residuals=False,
):
    """Values of the states of a small decision process, by repeated backups.

    Args:
        rewards: of shape (states, actions).
        transition_logits: of shape (actions, states, states).
        init: the values to begin with.
        gamma: the discount.
    """
    transitions = jax.nn.softmax(transition_logits, axis=-1)
    n, num_actions = rewards.shape

    def backup(values):
        return rewards + gamma * jnp.einsum("aij,j->ia", transitions, values)

    def improve(values):
        q_values = backup(values)
        if kind == "max":
            new_values = jnp.max(q_values, axis=-1)
        elif kind == "soft":
            new_values = jax.nn.logsumexp(q_values, axis=-1) - jnp.log(num_actions)
        else:
            new_values = jnp.mean(q_values, axis=-1)
        if damping is not None:
            new_values = damping * values + (1.0 - damping) * new_values
        return new_values

    if init is not None:
        values = init
    else:
        values = jnp.zeros(n)
    if residuals:

        def step(values, _):
            new_values = improve(values)
            return new_values, jnp.max(jnp.abs(new_values - values))

        values, errors = lax.scan(step, values, None, length=num_iterations)
        return values, errors
    if scan:
        values, _ = lax.scan(lambda v, _: (improve(v), None), values, None, length=num_iterations)
    else:
        values = lax.fori_loop(0, num_iterations, lambda _, v: improve(v), values)
    if output == "q_values":
        return backup(values)
    elif output == "log_policy":
        return jax.nn.log_softmax(backup(values), axis=-1)
    else:
        return values


@family(
    "loop",
    values="n",
    states="t int n",
    next_states="t int n",
    rewards="t",
    dones="? t bool",
    step_size={0.1: 3, 0.5: 1, 0.2: 1},
    gamma={0.99: 2, 0.9: 2},
    lam={0.9: 2, 0.8: 1, 0.5: 1},
    traces={"accumulating": 2, "replacing": 2, "none": 2},
    with_errors={False: 3, True: 2},
    clip={None: 4, 1.0: 1},
    decay={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "t": (6, 8, 10)},
    only="float32",
)
def td_lambda(
    values,
    states,
    next_states,
    rewards,
    dones=None,
    *,
    step_size=0.1,
    gamma=0.9,
    lam=0.9,
    traces="accumulating",
    with_errors=False,
    clip=None,
    decay=False,
):
    """Learns the values of states from one trajectory, step by step.

    Args:
        values: the values to begin with.
        states: the state at each time.
        next_states: the state after it.
        rewards: the reward in between.
        dones: whether an episode ends there.
        step_size: the rate of learning.
        gamma: the discount.
        lam: the decay of the traces.
    """
    if dones is not None:
        discounts = gamma * (1.0 - dones)
    else:
        discounts = gamma * jnp.ones_like(rewards)

    if decay:
        rates = step_size / (1.0 + 0.1 * jnp.arange(rewards.shape[0]))
    else:
        rates = jnp.full_like(rewards, step_size)

    def step(carry, inputs):
        values, trace = carry
        state, next_state, reward, discount, rate = inputs
        delta = reward + discount * values[next_state] - values[state]
        if clip is not None:
            delta = jnp.clip(delta, -clip, clip)
        if traces == "accumulating":
            trace = (discount * lam * trace).at[state].add(1.0)
        elif traces == "replacing":
            trace = (discount * lam * trace).at[state].set(1.0)
        else:
            trace = jnp.zeros_like(trace).at[state].set(1.0)
        values = values + rate * delta * trace
        return (values, trace), delta

    init = (values, jnp.zeros_like(values))
    inputs = (states, next_states, rewards, discounts, rates)
    (values, _), deltas = lax.scan(step, init, inputs)
    if with_errors:
        return values, deltas
    return values


@family(
    "loop",
    weights="d",
    features="t d in -1..1",
    last_features="d in -1..1",
    rewards="t",
    dones="? t bool",
    importance="? t in 0.3..1.5",
    step_size={0.1: 3, 0.05: 1, 0.2: 1},
    gamma={0.99: 2, 0.9: 2},
    lam={0.9: 2, 0.8: 1, 0.5: 1},
    traces={"accumulating": 3, "dutch": 2, "none": 1},
    residual_gradient={False: 4, True: 1},
    output={"weights": 3, "errors": 1, "both": 1},
    sizes={"d": (4, 5, 6), "t": (5, 6, 8, 10)},
    only="float32",
)
def linear_td(
    weights,
    features,
    last_features,
    rewards,
    dones=None,
    importance=None,
    *,
    step_size=0.1,
    gamma=0.9,
    lam=0.9,
    traces="accumulating",
    residual_gradient=False,
    output="weights",
):
    """Temporal difference learning of values that are linear in features.

    Args:
        weights: the weights to begin with.
        features: features of the states, of shape (time, d).
        last_features: features of the state after the last time.
        rewards: the rewards.
        dones: whether an episode ends at a time.
        importance: importance sampling ratios.
        step_size: the rate of learning.
        gamma: the discount.
        lam: the decay of the traces.
    """
    next_features = jnp.concatenate([features[1:], last_features[None]], axis=0)
    discounts = gamma * jnp.ones_like(rewards)
    if dones is not None:
        discounts = discounts * (1.0 - dones)
    if importance is None:
        importance = jnp.ones_like(rewards)

    def step(carry, inputs):
        weights, trace = carry
        phi, next_phi, reward, discount, rho = inputs
        delta = reward + discount * next_phi @ weights - phi @ weights
        if traces == "accumulating":
            trace = rho * (discount * lam * trace + phi)
        elif traces == "dutch":
            decayed = discount * lam * trace
            trace = rho * (decayed + phi - step_size * (decayed @ phi) * phi)
        else:
            trace = rho * phi
        if residual_gradient:
            # The next value depends on the weights, too.
            weights = weights + step_size * delta * (trace - rho * discount * next_phi)
        else:
            weights = weights + step_size * delta * trace
        return (weights, trace), delta

    init = (weights, jnp.zeros_like(weights))
    inputs = (features, next_features, rewards, discounts, importance)
    (weights, _), deltas = lax.scan(step, init, inputs)
    if output == "errors":
        return deltas
    elif output == "both":
        return weights, deltas
    else:
        return weights


@family(
    "loop",
    q_table="n c",
    states="t int n",
    actions="t int c",
    rewards="t",
    next_states="t int n",
    dones="? t bool",
    next_actions="? t int c",
    step_size={0.1: 2, 0.5: 2, 0.2: 1},
    gamma={0.99: 2, 0.9: 3},
    rule={"max": 4, "expected": 2, "soft": 1},
    decay={None: 3, 0.9: 1},
    with_errors={False: 3, True: 2},
    fori={False: 3, True: 1},
    sizes={"n": (4, 5, 6), "c": (4, 5), "t": (6, 8, 10)},
    only="float32",
)
def q_learning(
    q_table,
    states,
    actions,
    rewards,
    next_states,
    dones=None,
    next_actions=None,
    *,
    step_size=0.1,
    gamma=0.9,
    rule="max",
    decay=None,
    with_errors=False,
    fori=False,
):
    """Updates a table of action values along a trajectory."""

    def backup(q_table, t):
        next_q = q_table[next_states[t]]
        if next_actions is not None:
            next_value = next_q[next_actions[t]]
        elif rule == "expected":
            next_value = 0.9 * jnp.max(next_q) + 0.1 * jnp.mean(next_q)
        elif rule == "soft":
            next_value = jnp.sum(jax.nn.softmax(next_q) * next_q)
        else:
            next_value = jnp.max(next_q)
        if dones is not None:
            next_value = jnp.where(dones[t], 0.0, next_value)
        td_error = rewards[t] + gamma * next_value - q_table[states[t], actions[t]]
        if decay is not None:
            rate = step_size * decay**t
        else:
            rate = step_size
        return q_table.at[states[t], actions[t]].add(rate * td_error), td_error

    length = states.shape[0]
    if with_errors:
        q_table, td_errors = lax.scan(backup, q_table, jnp.arange(length))
        return q_table, td_errors
    if fori:
        return lax.fori_loop(0, length, lambda t, q: backup(q, t)[0], q_table)
    q_table, _ = lax.scan(backup, q_table, jnp.arange(length))
    return q_table


@family(
    "loop",
    preferences="c",
    actions="t int c",
    rewards="t",
    step_size={0.1: 2, 0.4: 2, 0.2: 1},
    baseline={"average": 3, "exponential": 2, "none": 1},
    entropy={None: 3, 0.1: 1},
    output={"log_likelihood": 2, "log_probs": 2, "both": 2},
    importance={False: 3, True: 1},
    temperature={None: 3, 0.5: 1},
    sizes={"c": (4, 5, 6, 8), "t": (5, 6, 8, 10)},
    only="float32",
    weight=6,
)
def gradient_bandit(
    preferences,
    actions,
    rewards,
    *,
    step_size=0.1,
    baseline="average",
    entropy=None,
    output="log_likelihood",
    importance=False,
    temperature=None,
):
    """Follows a learner who adapts preferences for the arms of a bandit by gradient ascent."""
    num_arms = preferences.shape[0]

    def policy(preferences):
        if temperature is not None:
            return jax.nn.softmax(preferences / temperature)
        return jax.nn.softmax(preferences)

    def step(carry, inputs):
        preferences, average, count = carry
        action, reward = inputs
        probs = policy(preferences)
        chosen = jax.nn.one_hot(action, num_arms)
        gradient = (reward - average) * (chosen - probs)
        if importance:
            # Rare actions count more.
            gradient = gradient / (0.1 + probs[action])
        if entropy is not None:
            gradient = gradient - entropy * probs * (jnp.log(probs) + 1.0)
        preferences = preferences + step_size * gradient
        count = count + 1.0
        if baseline == "average":
            average = average + (reward - average) / count
        elif baseline == "exponential":
            average = 0.9 * average + 0.1 * reward
        return (preferences, average, count), jnp.log(probs[action])

    init = (preferences, 0.0, 0.0)
    (preferences, _, _), log_probs = lax.scan(step, init, (actions, rewards))
    if output == "log_likelihood":
        return jnp.sum(log_probs)
    elif output == "log_probs":
        return log_probs
    else:
        return preferences, log_probs


# ---------------------------------------------------------------- preferences and offline data


@family(
    "elementwise",
    "reduction",
    "multi_statement",
    chosen_log_probs="n in -4..-0.5",
    rejected_log_probs="n in -4..-0.5",
    ref_chosen_log_probs="n in -4..-0.5",
    ref_rejected_log_probs="n in -4..-0.5",
    weights="? n in 0.2..2",
    margins="? n in 0..1",
    kind={"sigmoid": 4, "ipo": 2, "hinge": 2, "robust": 2, "exponential": 1},
    beta={0.1: 3, 0.5: 2, 0.2: 1},
    sft_weight={None: 3, 0.1: 1, 0.2: 1},
    label_smoothing={0.1: 2, 0.2: 1},
    with_rewards={False: 3, True: 1},
    reduction={"mean": 4, "none": 2},
    sizes={"n": (4, 5, 6, 8, 12, 16)},
)
def preference_loss(
    chosen_log_probs,
    rejected_log_probs,
    ref_chosen_log_probs,
    ref_rejected_log_probs,
    weights=None,
    margins=None,
    *,
    kind="sigmoid",
    beta=0.1,
    sft_weight=None,
    label_smoothing=0.1,
    with_rewards=False,
    reduction="mean",
):
    """Loss of a policy that learns directly from preferences.

    Args:
        chosen_log_probs: log-probabilities of the preferred answers.
        rejected_log_probs: log-probabilities of the other answers.
        ref_chosen_log_probs: the same by the reference policy.
        ref_rejected_log_probs: the same by the reference policy.
        weights: a weight for each pair.
        margins: by how much each should be preferred.
        beta: how strongly the policy is held to the reference.
    """
    chosen_ratio = chosen_log_probs - ref_chosen_log_probs
    rejected_ratio = rejected_log_probs - ref_rejected_log_probs
    difference = chosen_ratio - rejected_ratio
    logits = beta * difference
    if margins is not None:
        logits = logits - margins
    if kind == "sigmoid":
        loss = -jax.nn.log_sigmoid(logits)
    elif kind == "robust":
        # Some of the labels are wrong.
        loss = -(1.0 - label_smoothing) * jax.nn.log_sigmoid(logits)
        loss = loss - label_smoothing * jax.nn.log_sigmoid(-logits)
    elif kind == "ipo":
        loss = jnp.square(logits / beta - 1.0 / (2.0 * beta))
    elif kind == "hinge":
        loss = jax.nn.relu(1.0 - logits)
    else:
        loss = jnp.exp(-logits)
    if sft_weight is not None:
        loss = loss - sft_weight * chosen_log_probs
    if weights is not None:
        loss = loss * weights
    if reduction == "mean":
        loss = jnp.mean(loss)
    if with_rewards:
        return loss, jnp.mean(beta * chosen_ratio), jnp.mean(beta * rejected_ratio)
    return loss


@family(
    "reduction",
    log_probs="b k t in -2.5..-0.5",
    old_log_probs="b k t in -2.5..-0.5",
    rewards="b k",
    ref_log_probs="? b k t in -2.5..-0.5",
    mask="? b k t bool",
    clip_eps={0.2: 4, 0.1: 1},
    clip_high={None: 3, 0.28: 1},
    scale={True: 3, False: 2},
    baseline={"mean": 3, "leave_one_out": 2},
    kl_coef={0.04: 2, 0.1: 1},
    level={"token": 3, "sequence": 2},
    normalise={"per_sequence": 2, "all": 2},
    sizes={"b": (2, 3), "k": (4, 5), "t": (4, 5, 6)},
)
def group_policy_loss(
    log_probs,
    old_log_probs,
    rewards,
    ref_log_probs=None,
    mask=None,
    *,
    clip_eps=0.2,
    clip_high=None,
    scale=True,
    baseline="mean",
    kl_coef=0.04,
    level="token",
    normalise="per_sequence",
):
    """Policy loss whose advantages compare the answers to the same prompt.

    Args:
        log_probs: of shape (prompts, answers, tokens).
        old_log_probs: the same at the time of sampling.
        rewards: of shape (prompts, answers).
        ref_log_probs: the same by a reference policy.
        mask: which tokens count.
        clip_eps: how far the ratio may move.
    """
    group_size = rewards.shape[1]
    if baseline == "leave_one_out":
        others = (jnp.sum(rewards, axis=1, keepdims=True) - rewards) / (group_size - 1)
        advantages = rewards - others
    else:
        advantages = rewards - jnp.mean(rewards, axis=1, keepdims=True)
    if scale:
        advantages = advantages / (jnp.std(rewards, axis=1, keepdims=True) + 1e-4)
    advantages = advantages[..., None]
    log_ratio = log_probs - old_log_probs
    if level == "sequence":
        log_ratio = jnp.mean(log_ratio, axis=-1, keepdims=True)
    ratio = jnp.exp(log_ratio)
    if clip_high is not None:
        clipped = jnp.clip(ratio, 1.0 - clip_eps, 1.0 + clip_high)
    else:
        clipped = jnp.clip(ratio, 1.0 - clip_eps, 1.0 + clip_eps)
    loss = -jnp.minimum(ratio * advantages, clipped * advantages)
    if ref_log_probs is not None:
        # An estimate of the divergence that is never negative.
        gap = ref_log_probs - log_probs
        loss = loss + kl_coef * (jnp.exp(gap) - gap - 1.0)
    if mask is not None:
        mask = mask.astype(loss.dtype)
        if normalise == "all":
            return jnp.sum(loss * mask) / jnp.maximum(jnp.sum(mask), 1.0)
        per_sequence = jnp.sum(loss * mask, axis=-1) / jnp.maximum(jnp.sum(mask, axis=-1), 1.0)
        return jnp.mean(per_sequence)
    return jnp.mean(loss)


@family(
    "reduction",
    q_values="n",
    values="n",
    next_values="n",
    rewards="n",
    dones="n bool",
    log_probs="? n in -3..-0.2",
    weights="? n in 0.2..1",
    expectile={0.7: 3, 0.8: 1, 0.9: 1},
    gamma={0.99: 4, 0.95: 1},
    value_loss_type={"expectile": 4, "quantile": 1, "gumbel": 1},
    temperature={2.0: 2, 3.0: 1, 0.5: 1},
    max_weight={10.0: 1, 100.0: 3},
    separate={False: 2, True: 2},
    sizes={"n": (4, 5, 6, 8, 12)},
    only="float32",
)
def implicit_q_loss(
    q_values,
    values,
    next_values,
    rewards,
    dones,
    log_probs=None,
    weights=None,
    *,
    expectile=0.7,
    gamma=0.99,
    value_loss_type="expectile",
    temperature=3.0,
    max_weight=100.0,
    separate=False,
):
    """Losses of values, action values and policy on offline data.

    Args:
        q_values: values of the actions taken.
        values: values of the states.
        next_values: values of the next states.
        rewards: the rewards.
        dones: whether the episode ended.
        log_probs: log-probabilities of the actions by the policy.
        weights: a weight for each transition.
        expectile: how optimistic the values are.
    """
    advantage = q_values - values
    if value_loss_type == "expectile":
        side = jnp.where(advantage > 0, expectile, 1.0 - expectile)
        value_loss = side * jnp.square(advantage)
    elif value_loss_type == "quantile":
        side = jnp.where(advantage > 0, expectile, 1.0 - expectile)
        value_loss = side * jnp.abs(advantage)
    else:
        z = jnp.clip(advantage, -5.0, 5.0)
        value_loss = jnp.exp(z) - z - 1.0
    target = rewards + gamma * (1.0 - dones) * next_values
    q_loss = jnp.square(q_values - target)
    if weights is not None:
        value_loss = weights * value_loss
        q_loss = weights * q_loss
    value_loss = jnp.mean(value_loss)
    q_loss = jnp.mean(q_loss)
    if log_probs is not None:
        # Imitate the actions that were better than expected.
        imitation = jnp.minimum(jnp.exp(temperature * advantage), max_weight)
        policy_loss = -jnp.mean(lax.stop_gradient(imitation) * log_probs)
        if separate:
            return value_loss, q_loss, policy_loss
        return value_loss + q_loss + policy_loss
    if separate:
        return value_loss, q_loss
    return value_loss + q_loss


@family(
    "reduction",
    q_values="n c",
    actions="n int c",
    targets="n",
    behaviour_logits="? n c",
    weights="? n in 0.2..1",
    penalty={"logsumexp": 4, "policy": 2, "max": 1},
    coefficient={0.5: 2, 5.0: 1, 0.1: 1},
    temperature={None: 4, 0.5: 1},
    loss_type={"squared": 4, "huber": 1},
    lagrange={None: 4, 1.0: 1},
    with_parts={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 12), "c": (4, 5, 6)},
)
def conservative_loss(
    q_values,
    actions,
    targets,
    behaviour_logits=None,
    weights=None,
    *,
    penalty="logsumexp",
    coefficient=0.5,
    temperature=None,
    loss_type="squared",
    lagrange=None,
    with_parts=False,
):
    """Q-learning loss that keeps the values of unseen actions low."""
    q_taken = jnp.take_along_axis(q_values, actions[:, None], axis=1)[:, 0]
    if loss_type == "huber":
        td_loss = huber(q_taken - targets)
    else:
        td_loss = 0.5 * jnp.square(q_taken - targets)
    if penalty == "logsumexp":
        if temperature is not None:
            spread = temperature * jax.nn.logsumexp(q_values / temperature, axis=-1)
        else:
            spread = jax.nn.logsumexp(q_values, axis=-1)
    elif penalty == "policy":
        spread = jnp.sum(jax.nn.softmax(q_values, axis=-1) * q_values, axis=-1)
    else:
        spread = jnp.max(q_values, axis=-1)
    if behaviour_logits is not None:
        behaviour = jax.nn.softmax(behaviour_logits, axis=-1)
        gap = spread - jnp.sum(behaviour * q_values, axis=-1)
    else:
        gap = spread - q_taken
    if lagrange is not None:
        # A gap up to this size costs nothing.
        gap = jax.nn.relu(gap - lagrange)
    if weights is not None:
        td_loss = td_loss * weights
        gap = gap * weights
    td_loss = jnp.mean(td_loss)
    gap = jnp.mean(gap)
    loss = td_loss + coefficient * gap
    if with_parts:
        return loss, td_loss, gap
    return loss


@family(
    "multi_statement",
    observations="n d",
    mean="d",
    var="d in 0.2..2",
    count="in 10..100",
    clip={None: 2, 5.0: 2, 10.0: 1},
    ema={None: 3, 0.99: 1, 0.9: 1},
    rewards="? n",
    use_old={False: 3, True: 1},
    std_floor={1e-8: 1, 1e-4: 2, 1e-2: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6, 8)},
    only="float32",
)
def normalize_observations(
    observations,
    mean,
    var,
    count,
    rewards=None,
    *,
    clip=None,
    ema=None,
    use_old=False,
    std_floor=1e-4,
):
    """Updates running statistics of observations, and normalises these."""
    n = observations.shape[0]
    batch_mean = jnp.mean(observations, axis=0)
    batch_var = jnp.var(observations, axis=0)
    total = count + n
    delta = batch_mean - mean
    if ema is not None:
        new_mean = ema * mean + (1.0 - ema) * batch_mean
        new_var = ema * var + (1.0 - ema) * (batch_var + ema * jnp.square(delta))
    else:
        # Combine the moments of both samples.
        new_mean = mean + delta * n / total
        m2 = var * count + batch_var * n + jnp.square(delta) * count * n / total
        new_var = m2 / total
    if use_old:
        normalized = (observations - mean) / jnp.sqrt(var + std_floor)
    else:
        normalized = (observations - new_mean) / jnp.sqrt(new_var + std_floor)
    if clip is not None:
        normalized = jnp.clip(normalized, -clip, clip)
    if rewards is not None:
        scaled_rewards = rewards / (1.0 + jnp.std(rewards))
        return normalized, scaled_rewards, new_mean, new_var, total
    return normalized, new_mean, new_var, total
