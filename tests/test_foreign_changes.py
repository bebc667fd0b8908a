"""The reader that finds wrapping in code: every way of it that people use is seen, and what changes nothing of others is not."""

from __future__ import annotations

import ast

import pytest

from tests.support.foreign_changes import changes

WRAPPED = [
    "import litellm\nlitellm.completion = mine",
    "import litellm as it\nit.main.completion = mine",
    "from tau2.environment.db import DB\nDB.load = classmethod(mine)",
    "from tau2 import run\nbefore, run.run_task = run.run_task, mine",
    "import importlib\nmodule = importlib.import_module('tau2.run')\nmodule.run_task = mine",
    "import importlib\nowner = importlib.import_module('tau2.run').Orchestrator\nkind = owner\nkind.step = mine",
    "import importlib\none, other = importlib.import_module('a').A, 3\none.step = mine",
    "import sys\nsys.modules['tau2.run'].run_task = mine",
    "import sys\nsys.modules.get('tau2.run').run_task = mine",
    "import sys\nsys.modules['tau2'] = mine",
    "import sys\nfor module in sys.modules.values():\n    module.completion = mine",
    "import uuid\ndel uuid.uuid4",
    "import httpx\nhttpx.Client.__dict__['send'] = mine",
    "import tau2\nvars(tau2).update(run=mine)",
    "import tau2\ntau2.run.__dict__.update(run_task=mine)",
    "import tau2\nsetattr(tau2.run, 'run_task', mine)",
    "def put(owner, name, wrapper):\n    object.__setattr__(owner, name, wrapper)",
    "def put(owner, name, wrapper):\n    type.__setattr__(owner, name, wrapper)",
    "def put(owner):\n    delattr(owner, 'step')",
    "def put(client):\n    def send():\n        pass\n    client.send = send",
    "def put(client):\n    client.send = lambda request: request",
    "def put(client):\n    import functools\n    client.send = functools.partial(mine, client)",
    "def put(agent):\n    type(agent).step = mine",
    "def put(agent):\n    agent.__class__ = Mine",
    "def put(function):\n    function.__code__ = mine.__code__",
    "import tau2\nclass A:\n    def learn(self):\n        self._run = tau2.run\n    def put(self):\n        self._run.run_task = mine",
    "import litellm\nfound = getattr(litellm, 'main', None)\nfound.completion = mine",
    "import litellm\n(found := litellm.main).x = 1\nfound.completion = mine",
    "import litellm\nlitellm.callbacks += [mine]",
    "import builtins\nbuiltins.open = mine",
    "from unittest.mock import patch",
    "import unittest.mock",
    "import wrapt",
]

HARMLESS = [
    "import httpx\nclient = httpx.Client()\nclient.timeout = 3",
    "class A:\n    def go(self):\n        self.step = lambda: 3\n        setattr(self, 'turn', 3)",
    "from tau2_logging.runner import retries\nasked = retries.Asked('m')\nasked.url = None",
    "import pandas\ntable = pandas.DataFrame()\ntable.loc[0, 'a'] = 3",
    "import litellm\nprint(litellm.completion, getattr(litellm, 'main'))",
    "def go(simulation):\n    simulation.turn = 'agent'",
    "found = {}\nfound['a'] = 3",
]


@pytest.mark.parametrize("code", WRAPPED)
def test_wrapping_is_found(code: str) -> None:
    """By assignment, by setattr, through a name, a dict, a class, an object that was handed in, or somebody's tool for it."""
    assert changes(ast.parse(code))


@pytest.mark.parametrize("code", HARMLESS)
def test_a_change_of_our_own_things_is_not(code: str) -> None:
    """What a call of somebody's function gave is ours."""
    assert changes(ast.parse(code)) == []
