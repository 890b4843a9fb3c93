"""``py>``, with its runner run for real by every Python that is at hand."""

from __future__ import annotations

import json
import marshal
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digpy.dsl.model import Subtasks
from digpy.errors import TaskFailed
from digpy.operators.py import Py
from digpy.operators.runner import digpy_runner
from digpy.spi import Command, Exit, TaskResult
from digpy.values import Json, Params, Template
from tests.support.requests import Performed, a_request, perform

VERSIONS = ["3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[]))
)


class Project:
    """A project directory, and the ``py>`` tasks in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.directory = root / ".digpy/runs/7.2.1"

    def write(self, **modules: str) -> Project:
        for name, text in modules.items():
            path = self.root / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self

    def command(self, target: Json, **changes: object) -> Command:
        changes = {"inherited": {"py": {"python": sys.executable}}, **changes}
        return Py().command(
            a_request(
                "py",
                target,
                project=self.root,
                workspace=self.root,
                directory=self.directory,
                **changes,  # type: ignore[arg-type]
            )
        )

    def perform(self, target: Json, **changes: object) -> Performed:
        return perform(self.command(target, **changes), self.directory)

    def output(self, target: Json, **changes: object) -> str:
        """What a task that succeeds prints."""
        performed = self.perform(target, **changes)
        assert performed.exit.code == 0, performed.output
        return performed.output

    def result(self, target: Json, **changes: object) -> TaskResult:
        return Py().conclude(self.perform(target, **changes).exit)

    def error(self, target: Json, **changes: object) -> str:
        """The message of a task that fails, without the lines of the traceback."""
        with pytest.raises(TaskFailed) as failed:
            self.result(target, **changes)
        assert failed.value.kind == ""
        return "\n".join(str(failed.value).splitlines()[:2])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


# what is called


def test_a_function(project: Project) -> None:
    assert project.write(job="def go():\n  print('go')").output("job.go") == "go\n"


def test_a_function_in_a_package(project: Project) -> None:
    project.write(tasks__deep__job="def go(): print('deep')")

    assert project.output("tasks.deep.job.go") == "deep\n"


def test_a_method_of_a_new_instance(project: Project) -> None:
    project.write(
        job="""
class Job:
    def __init__(self, color):
        self.color = color
    def work(self, size, shape='round'):
        print(self.color, size, shape)
"""
    )

    changes: Params = {"color": "red", "size": 3}
    assert project.output("job.Job.work", local=changes) == "red 3 round\n"


def test_run_of_a_class(project: Project) -> None:
    project.write(job="class Job:\n  def run(self): print('run')")

    assert project.output("job.Job") == "run\n"


def test_run_of_a_class_with_a_metaclass(project: Project) -> None:
    project.write(job="import abc\nclass Job(abc.ABC):\n  def run(self): print('run')")

    assert project.output("job.Job") == "run\n"


@pytest.mark.parametrize("target", ["mymethod", "mymethod."])
def test_a_target_needs_a_module(project: Project, target: str) -> None:
    with pytest.raises(TaskFailed, match=r"^py> needs a module"):
        project.command(target)


@pytest.mark.parametrize("target", ["", "."])
def test_a_target_that_names_nothing_is_told_what_to_write(project: Project, target: str) -> None:
    with pytest.raises(TaskFailed, match=r"^py> needs a function: write module\.function"):
        project.command(target)


def test_a_target_is_required(project: Project) -> None:
    with pytest.raises(TaskFailed, match=r"^Parameter '_command' is required but not set$"):
        project.command(None)


def test_a_missing_module_is_reported_as_such(project: Project) -> None:
    assert project.error("nomod.go") == (
        "Python command failed with code 1\n"
        "Error messages from python: No module named 'nomod' (ModuleNotFoundError)"
    )


def test_a_module_missing_within_a_module_is_reported_as_such(project: Project) -> None:
    project.write(tasks__job="import pandaz\ndef go(): pass", tasks____init__="class job: pass")

    assert "No module named 'pandaz'" in project.error("tasks.job.go")


def test_a_missing_function_is_reported_as_such(project: Project) -> None:
    project.write(job="")

    assert "module 'job' has no attribute 'go' (AttributeError)" in project.error("job.go")


def test_a_module_that_is_no_python_fails(project: Project) -> None:
    assert "(job.py, line 1) (SyntaxError)" in project.write(job="def go(:").error("job.go")


def test_a_module_hidden_by_an_installed_one_draws_a_warning(project: Project) -> None:
    project.write(platform="def go(): pass")

    performed = project.perform("platform.go")
    assert performed.exit.code == 1
    assert "warning: 'platform' is not platform.py of the project but " in performed.output


def test_a_module_of_the_project_may_be_called_runner(project: Project) -> None:
    assert project.write(runner="def go(): print('mine')").output("runner.go") == "mine\n"


# arguments


def test_arguments_come_from_the_parameters_with_their_types(project: Project) -> None:
    project.write(job="def go(a, b, c, d='default', *rest): print(a, b, c, d, rest)")
    inherited: Params = {"a": 1, "b": [1, None], "py": {"python": sys.executable}}

    output = project.output("job.go", inherited=inherited, local={"c": {"k": "é"}})
    assert output == "1 [1, None] {'k': 'é'} default ()\n"


def test_text_that_was_a_template_arrives_as_text(project: Project) -> None:
    project.write(job="def go(a): print(a)")

    assert project.output("job.go", local={"a": [Template("${b}")]}) == "['${b}']\n"


def test_a_missing_argument_is_named(project: Project) -> None:
    project.write(job="def go(needed): pass")

    assert project.error("job.go").endswith(
        "Method 'go' requires parameter 'needed' but not set (TypeError)"
    )


def test_a_missing_argument_of_a_constructor_is_named(project: Project) -> None:
    project.write(job="class Job:\n  def __init__(self, needed): pass\n  def run(self): pass")

    assert "Method '__init__' requires parameter 'needed'" in project.error("job.Job")


def test_keywords_get_all_parameters(project: Project) -> None:
    project.write(job="def go(x, **kw): print(x, kw['_command'], kw['py>'], 'session_time' in kw)")

    assert project.output("job.go", local={"x": 1}) == "1 job.go job.go True\n"


def test_keyword_only_arguments_are_filled(project: Project) -> None:
    project.write(job="def go(*, a, b=2): print(a, b)")

    assert project.output("job.go", local={"a": 1}) == "1 2\n"


def test_positional_only_arguments_are_filled(project: Project) -> None:
    project.write(job="def go(a, b=2, c=3, /, d=4): print(a, b, c, d)")

    assert project.output("job.go", local={"a": 1, "c": 9, "d": 8}) == "1 2 9 8\n"


def test_static_and_class_methods_get_all_their_arguments(project: Project) -> None:
    project.write(
        job="""
class Job:
    @staticmethod
    def plain(a): print(a)
    @classmethod
    def of_class(cls, a): print(cls.__name__, a)
"""
    )

    assert project.output("job.Job.plain", local={"a": 1}) == "1\n"
    assert project.output("job.Job.of_class", local={"a": 1}) == "Job 1\n"


def test_a_decorated_function_gets_the_arguments_of_what_it_wraps(project: Project) -> None:
    project.write(
        job="""
import functools
def loud(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        return f(*args, **kwargs)
    return inner
@loud
def go(a): print(a)
"""
    )

    assert project.output("job.go", local={"a": 1}) == "1\n"


def test_a_dataclass_gets_its_fields(project: Project) -> None:
    project.write(
        job="""
import dataclasses
@dataclasses.dataclass
class Job:
    a: int
    b: int = 2
    def run(self): print(self)
"""
    )

    assert project.output("job.Job", local={"a": 1}) == "Job(a=1, b=2)\n"


# what comes back


def test_stores_and_exports_are_data(project: Project) -> None:
    project.write(
        job="""
import digdag
def go():
    digdag.env.store({'t': {'u': '${x}'}}, s=1)
    digdag.env.store(s=2)
    digdag.env.export({'e': 9})
"""
    )

    result = project.result("job.go")
    assert result == TaskResult(store={"t": {"u": "${x}"}, "s": 2}, export={"e": 9})
    assert type(result.store["t"]["u"]) is str  # type: ignore[index,call-overload]


def test_added_tasks_are_a_definition(project: Project) -> None:
    project.write(
        job="""
import digdag
def go():
    digdag.env.add_subtask(leaf, n=5)
    digdag.env.add_subtask(Job.work, n=6)
    digdag.env.add_subtask({'sh>': 'echo ${v}'}, v=7)
    digdag.env.add_subtask(_type='echo', _command='x')
    digdag.env.subtask_config['_parallel'] = True
def leaf(n): pass
class Job:
    def work(self, n): pass
"""
    )

    subtasks = project.result("job.go").subtasks
    assert subtasks == Subtasks(
        {
            "+subtask0": {"n": 5, "py>": "job.leaf"},
            "+subtask1": {"n": 6, "py>": "job.Job.work"},
            "+subtask2": {"sh>": "echo ${v}", "v": 7},
            "+subtask3": {"_type": "echo", "_command": "x"},
            "_parallel": True,
        }
    )
    assert type(subtasks.config["+subtask2"]["sh>"]) is Template  # type: ignore[index,call-overload]


def test_the_old_module_is_there_too(project: Project) -> None:
    project.write(
        job="""
import digdag_env
def go():
    digdag_env.store_params['s'] = digdag_env.params['x']
"""
    )

    assert project.result("job.go", local={"x": 1}) == TaskResult(store={"s": 1})


def test_state_is_accepted_and_not_kept(project: Project) -> None:
    project.write(job="import digdag\ndef go(): digdag.env.set_state(k=1)")

    assert project.result("job.go") == TaskResult()


@pytest.mark.parametrize("value", ["object()", "float('nan')"])
@pytest.mark.parametrize("call", ["store", "export", "add_subtask"])
def test_what_is_no_json_is_refused_where_it_is_given(
    project: Project, call: str, value: str
) -> None:
    project.write(job=f"import digdag\ndef go(): digdag.env.{call}(x={value})")

    assert "Parameters must be serializable using JSON: " in project.error("job.go")


def test_a_failure_says_what_python_said(project: Project) -> None:
    project.write(job="import digdag\ndef go():\n  digdag.env.store(a=1)\n  raise Exception('no')")

    performed = project.perform("job.go")
    with pytest.raises(TaskFailed) as failed:
        Py().conclude(performed.exit)
    lines = str(failed.value).splitlines()
    assert lines[:3] == [
        "Python command failed with code 1",
        "Error messages from python: no (Exception)",
        "Traceback (most recent call last):",
    ]
    assert lines[-1] == "Exception: no"
    assert performed.output.endswith("Exception: no\n")


@pytest.mark.parametrize("leave", ["sys.exit()", "sys.exit(0)", "sys.exit(None)"])
def test_leaving_with_nothing_is_a_success(project: Project, leave: str) -> None:
    project.write(job=f"import digdag, sys\ndef go():\n  digdag.env.store(a=1)\n  {leave}")

    assert project.result("job.go") == TaskResult(store={"a": 1})


def test_leaving_with_a_code_keeps_the_code(project: Project) -> None:
    project.write(job="import sys\ndef go(): sys.exit(3)")

    assert project.error("job.go") == (
        "Python command failed with code 3\n"
        "Error messages from python: sys.exit(3) was called (SystemExit)"
    )


def test_leaving_with_text_makes_it_the_message(project: Project) -> None:
    project.write(job="import sys\ndef go(): sys.exit('sorry')")

    assert project.error("job.go").endswith("python: sorry (SystemExit)")


def test_leaving_behind_the_runner_s_back_is_a_failure(project: Project) -> None:
    project.write(job="import os\ndef go(): os._exit(0)")

    with pytest.raises(TaskFailed, match=r"with code 0 but without a result"):
        project.result("job.go")


@pytest.mark.parametrize("text", ["{", "[]", '{"store_params": [1]}'])
def test_an_unreadable_result_is_a_failure(tmp_path: Path, text: str) -> None:
    (tmp_path / "output.json").write_text(text)

    with pytest.raises(TaskFailed, match=r"^The result of the Python command cannot be read: "):
        Py().conclude(Exit(0, tmp_path))


def test_a_killed_program_fails_with_its_code_though_its_result_is_torn(tmp_path: Path) -> None:
    (tmp_path / "output.json").write_text("{")

    with pytest.raises(TaskFailed, match=r"^Python command failed with code 137\nThe result"):
        Py().conclude(Exit(137, tmp_path))


# how it is run


def test_parameters_are_not_in_the_environment_but_env_is(project: Project) -> None:
    project.write(job="import os\ndef go(): print(os.environ.get('v'), os.environ['TOKEN'])")

    local: Params = {"v": 1, "_env": {"TOKEN": "t${secret:a}"}}
    assert project.output("job.go", local=local, secrets={"a": "s"}) == "None ts\n"


def test_the_input_has_no_secrets_but_the_defaults_of_py(project: Project) -> None:
    local: Params = {"_secrets": {"a": "b"}}
    command = project.command("job.go", local=local, inherited={"py": {"color": "red"}})

    params = marshal.loads(command.files["input.marshal"])
    assert params["color"] == "red"
    assert "_secrets" not in params


def test_the_interpreter_may_have_arguments(project: Project) -> None:
    project.write(job="def go(): print(__debug__)")

    assert project.output("job.go", local={"python": [sys.executable, "-O"]}) == "False\n"


def test_an_interpreter_that_does_not_exist_is_named(project: Project) -> None:
    with pytest.raises(TaskFailed, match=r'^Cannot run program "no-such-python" ') as failed:
        project.command("job.go", local={"python": "no-such-python"})

    assert failed.value.kind == "runtime"


@pytest.mark.parametrize(
    ("present", "used"), [(["python", "python3"], "python"), (["python3"], "python3")]
)
def test_without_a_choice_it_is_python_or_python3(
    project: Project, monkeypatch: pytest.MonkeyPatch, present: list[str], used: str
) -> None:
    for name in present:
        program = project.root / name
        program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(project.root))

    assert project.command("job.go", inherited={}).argv[0] == str(project.root / used)


def test_without_any_it_is_the_interpreter_of_digpy(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project.root))

    assert project.command("job.go", inherited={}).argv[0] == sys.executable


def test_a_script_takes_the_place_of_the_runner(project: Project) -> None:
    script = """
import json, sys
params = json.load(open(sys.argv[1]))['params']
json.dump({'store_params': {'seen': params['x']}}, open(sys.argv[2], 'w'))
"""
    assert project.result(None, local={"script": script, "x": 5}) == TaskResult(store={"seen": 5})


def test_the_runner_imports_next_to_nothing_that_python_has_not_imported(project: Project) -> None:
    project.write(job="import sys\ndef go(a=1): print(*sys.modules)")
    python = [sys.executable, "-S", "-E"]
    bare = [*python, "-c", "import marshal, os, sys; print(*sys.modules)"]
    without = subprocess.run(bare, capture_output=True, text=True, check=True).stdout

    imported = project.output("job.go", local={"python": python})
    ours = {"digdag", "digdag_env", "digpy_runner", "job", "_json"}
    assert set(imported.split()) - set(without.split()) == ours


def test_a_project_that_hides_json_can_store(project: Project) -> None:
    project.write(
        json="raise ImportError('not the real one')",
        job="""
import sys
sys.path.insert(0, '.')
import digdag
def go(): digdag.env.store(a={'b': [1, 2.5, None, True, "é\\ud83d\\n"]})
""",
    )
    stored = {"a": {"b": [1, 2.5, None, True, "é\ud83d\n"]}}
    assert project.result("job.go") == TaskResult(store=cast("Params", stored))


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_the_runner_writes_json_as_json_does(value: Json) -> None:
    assert digpy_runner.plain_json(value) == json.dumps(value)


@pytest.mark.parametrize("value", [math.nan, -math.inf, {1: 2}, {None: 1}, Template("a"), {1, 2}])
def test_what_is_unusual_is_left_to_json(value: object) -> None:
    with pytest.raises(digpy_runner.Unusual):
        digpy_runner.plain_json([value])


def test_python_keeps_the_runner_compiled(project: Project) -> None:
    project.write(job="def go(): pass")
    kept = project.root / "kept"
    environment: Params = {"PYTHONPYCACHEPREFIX": str(kept), "PYTHONDONTWRITEBYTECODE": ""}

    project.output("job.go", local={"_env": environment})
    assert len(list(kept.rglob("digpy_runner.*.pyc"))) == 1


def test_an_interpreter_that_does_not_see_the_runner_uses_the_copy(project: Project) -> None:
    project.write(job="import digdag\ndef go(): digdag.env.store(s=1)")
    command = project.command("job.go")
    argv = ["/not/there" if part == command.argv[2] else part for part in command.argv]

    performed = perform(command._replace(argv=argv), project.directory)
    assert Py().conclude(performed.exit) == TaskResult(store={"s": 1})


@pytest.mark.parametrize("options", [[], ["-I"]])
def test_the_project_is_last_where_modules_are_looked_for(
    project: Project, options: list[str]
) -> None:
    project.write(job="import sys\ndef go(): print(*sys.path, sep='\\n')")
    python = [sys.executable, *options]
    bare = [*python, "-I", "-c", "import sys; print(*sys.path, sep='\\n')"]
    without = subprocess.run(bare, capture_output=True, text=True, check=True)

    output = project.output("job.go", local={"python": python})
    assert output == f"{without.stdout}{project.root}\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_runner_works_with_every_python_since_3_6(project: Project, version: str) -> None:
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "--version"], capture_output=True).returncode:
        pytest.skip(f"there is no python{version} on this machine")
    project.write(
        job="""
import digdag, sys
def go(a, *, b=2, **rest):
    digdag.env.store(a=a, b=b, version='%d.%d' % sys.version_info[:2])
    digdag.env.add_subtask(leaf)
def leaf(): pass
class Bad:
    def run(self, needed): pass
"""
    )
    local: Params = {"a": 1, "python": python}

    assert project.result("job.go", local=local) == TaskResult(
        store={"a": 1, "b": 2, "version": version},
        subtasks=Subtasks({"+subtask0": {"py>": "job.leaf"}}),
    )
    assert "'run' requires parameter 'needed'" in project.error("job.Bad", local=local)
