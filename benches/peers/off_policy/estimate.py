"""The estimates of obp for a log: one line a policy and estimator."""

import csv
import sys
import types
from collections import defaultdict

import numpy as np

# obp imports torch for classes that are not used here, and torch takes gigabytes: modules whose other names are classes
# without contents.
for name in ["torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils", "torch.utils.data"]:
    module = sys.modules.setdefault(name, types.ModuleType(name))
    module.__getattr__ = lambda name: type(name, (), {})
    parent, _, own = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], own, module)
from obp.ope import (  # noqa: E402
    DirectMethod,
    DoublyRobust,
    InverseProbabilityWeighting,
    SelfNormalizedDoublyRobust,
    SelfNormalizedInverseProbabilityWeighting,
    SwitchDoublyRobust,
)

logs = defaultdict(list)
for policy, *numbers in csv.reader(open(sys.argv[1])):
    logs[policy].append([float(number) for number in numbers])

for policy, rows in logs.items():
    reward, propensity, target, prediction, expected = np.array(rows).T
    # Two actions: the logged one, and one that stands for all others, with what is left of the expectation.
    n = len(reward)
    action = np.zeros(n, dtype=int)
    dist = np.stack([target, 1 - target], axis=1)[:, :, None]
    other = (expected - target * prediction) / np.maximum(1 - target, 1e-300)
    predictions = np.stack([prediction, other], axis=1)[:, :, None]
    plain = dict(reward=reward, action=action, pscore=propensity, action_dist=dist, position=np.zeros(n, dtype=int))
    modelled = dict(plain, estimated_rewards_by_reg_model=predictions)
    # This version clips no weights: a propensity of at least target / 2 makes them at most 2.
    clip = dict(pscore=np.maximum(propensity, target / 2))
    estimates = {
        "ips": InverseProbabilityWeighting().estimate_policy_value(**plain),
        "ips clip": InverseProbabilityWeighting().estimate_policy_value(**{**plain, **clip}),
        "snips": SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**plain),
        "dm": DirectMethod().estimate_policy_value(
            action_dist=dist, estimated_rewards_by_reg_model=predictions, position=plain["position"]
        ),
        "dr": DoublyRobust().estimate_policy_value(**modelled),
        "dr clip": DoublyRobust().estimate_policy_value(**{**modelled, **clip}),
        "sndr": SelfNormalizedDoublyRobust().estimate_policy_value(**modelled),
        "switch": SwitchDoublyRobust(tau=2).estimate_policy_value(**modelled),
    }
    for name, value in estimates.items():
        print(policy, name, repr(float(value)))
