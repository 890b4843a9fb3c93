from __future__ import annotations

from pathlib import Path

import pytest

from digpy.errors import TaskFailed
from digpy.operators.sh import Sh
from digpy.spi import Exit, TaskRequest, TaskResult
from digpy.values import Json, Params
from tests.support.requests import Performed, a_request, perform


def sh(script: Json, project: Path, **changes: object) -> TaskRequest:
    return a_request(
        "sh",
        script,
        project=project,
        workspace=project,
        directory=project / ".digpy/runs/7.2.1",
        **changes,
    )


def run(script: str, project: Path, **changes: object) -> Performed:
    request = sh(script, project, **changes)
    return perform(Sh().command(request), request.directory)


def failure(script: Json, project: Path, **changes: object) -> str:
    with pytest.raises(TaskFailed) as failed:
        Sh().command(sh(script, project, **changes))
    return str(failed.value.error["message"])


def test_the_script_runs_in_the_workspace(tmp_path: Path) -> None:
    assert run("pwd; echo error >&2", tmp_path).output == f"{tmp_path}\nerror\n"


def test_the_script_is_a_file_of_the_run_directory(tmp_path: Path) -> None:
    command = Sh().command(sh("echo a", tmp_path))

    assert list(command.argv) == ["/bin/sh", f"{tmp_path}/.digpy/runs/7.2.1/runner.sh"]
    assert command.files == {"runner.sh": b"echo a"}


def test_parameters_are_the_environment(tmp_path: Path) -> None:
    inherited: Params = {
        "plain": "text",
        "num": 5,
        "flt": 1000.0,
        "flag": True,
        "lst": [1, "b"],
        "obj": {"k": 1},
        "nothing": None,
        "with-dash": "no",
        "9lead": "no",
    }
    script = 'echo "$plain $num $flt $flag $lst $obj [$nothing] ${task_name}"; env'
    output = run(script, tmp_path, inherited=inherited).output

    assert output.splitlines()[0] == 'text 5 1000.0 true [1,"b"] {"k":1} [] +w+a'
    assert "nothing=\n" in output
    assert "with-dash" not in output.replace(script, "")
    assert "9lead" not in output


def test_the_environment_of_digpy_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "o")

    assert run("echo $OUTER", tmp_path).output == "o\n"


def test_env_beats_parameters(tmp_path: Path) -> None:
    local: Params = {"_env": {"v": "own", "n": 3}}

    assert run("echo $v $n", tmp_path, local=local, inherited={"v": "x"}).output == "own 3\n"


def test_an_inherited_env_is_ignored(tmp_path: Path) -> None:
    assert run('echo "[$v]"', tmp_path, inherited={"_env": {"v": "x"}}).output == "[]\n"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"1A": "x"}, "Invalid _env key name: 1A (config)"),
        ({"A": None}, "Parameter 'A' is required but null (config)"),
        ("x", "Parameter '_env' must be an object (config)"),
    ],
)
def test_a_strange_env_is_refused(tmp_path: Path, env: Json, message: str) -> None:
    assert failure("true", tmp_path, local={"_env": env}) == message


def test_secrets_reach_the_script_and_env(tmp_path: Path) -> None:
    request = sh(
        "echo ${secret:db.password} $TOKEN",
        tmp_path,
        secrets={"db.password": "s1", "token": "s2"},
        local={"_env": {"TOKEN": "${secret:token}"}},
    )

    assert perform(Sh().command(request), request.directory).output == "s1 s2\n"


def test_a_secret_is_in_no_parameter(tmp_path: Path) -> None:
    request = sh("echo ${secret:a}", tmp_path, secrets={"a": "s1"})

    environment = Sh().command(request).environment
    assert "s1" not in environment.values()
    assert environment["_command"] == "echo ${secret:a}"


def test_secrets_of_the_script_can_be_found_elsewhere_but_not_those_of_env(tmp_path: Path) -> None:
    request = sh(
        "echo ${secret:db} $DB",
        tmp_path,
        secrets={"db": "first", "other": "second"},
        local={"_env": {"DB": "${secret:db}"}, "_secrets": {"db": "other"}},
    )

    performed = perform(Sh().command(request), request.directory)
    assert performed.output == "second first\n"
    assert "_secrets" not in Sh().command(request).environment


def test_a_missing_secret_fails_the_task(tmp_path: Path) -> None:
    message = failure("emit ${secret:none}", tmp_path)

    assert message == "Secret not found for key: 'none' (secret not found)"


@pytest.mark.parametrize(
    "changes",
    [
        {"local": {"shell": ["/bin/sh", "-e"]}},
        {"inherited": {"sh": {"shell": ["sh", "-e"]}}},
        {"local": {"shell": ["/bin/sh", "-e", "-"]}},
    ],
)
def test_the_shell_can_be_chosen(tmp_path: Path, changes: dict[str, Params]) -> None:
    performed = run("echo a; false; echo b", tmp_path, **changes)

    assert performed.output == "a\n"
    assert performed.exit.code == 1


def test_the_shell_can_be_one_text(tmp_path: Path) -> None:
    assert run("echo $0", tmp_path, local={"shell": "/bin/sh"}).output.endswith("runner.sh\n")


def test_a_shell_ending_in_a_dash_reads_the_script(tmp_path: Path) -> None:
    command = Sh().command(sh("echo a", tmp_path, local={"shell": ["/bin/sh", "-"]}))

    assert (list(command.argv), dict(command.files)) == (["/bin/sh", "-"], {})
    assert command.stdin == b"echo a"


def test_a_shell_that_does_not_exist_is_named(tmp_path: Path) -> None:
    message = failure("true", tmp_path, local={"shell": ["no-such-shell"]})

    assert message == (
        f'Cannot run program "no-such-shell" (in directory "{tmp_path}"): '
        "No such file or directory (runtime)"
    )


def test_a_program_of_the_project_is_found_from_the_workspace(tmp_path: Path) -> None:
    shell = tmp_path / "bin/shell"
    shell.parent.mkdir()
    shell.write_text("#!/bin/sh\necho mine\n")
    shell.chmod(0o755)

    assert run("true", tmp_path, local={"shell": "bin/shell"}).output == "mine\n"


def test_standard_input_is_empty(tmp_path: Path) -> None:
    assert run("cat; echo end", tmp_path).output == "end\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([1, 2], "Expected string type for key '_command' but got [1,2] (array) (config)"),
        (None, "Parameter '_command' is required but not set (config)"),
    ],
)
def test_a_script_is_text(tmp_path: Path, command: Json, message: str) -> None:
    assert failure(command, tmp_path) == message


def test_too_large_a_parameter_is_explained(tmp_path: Path) -> None:
    message = failure("true", tmp_path, inherited={"huge": "x" * 10_000_000})

    assert message.startswith("The parameters do not fit into the environment of a program: ")
    assert "the largest are huge (10,000,006 bytes), " in message


@pytest.mark.skipif(not Path("/proc").exists(), reason="the limit for one variable is Linux's")
def test_the_largest_allowed_parameter_can_be_passed(tmp_path: Path) -> None:
    value = "x" * (128 * 1024 - len("v=\0"))

    assert run("echo ${#v}", tmp_path, inherited={"v": value}).output == f"{len(value)}\n"
    assert "do not fit" in failure("true", tmp_path, inherited={"v": value + "x"})


def test_a_zero_byte_is_explained(tmp_path: Path) -> None:
    assert "zero byte" in failure("true", tmp_path, inherited={"v": "a\0b"})


def test_half_a_surrogate_pair_is_a_question_mark(tmp_path: Path) -> None:
    assert run("echo $v", tmp_path, inherited={"v": "a\ud800"}).output == "a?\n"


def test_a_task_for_a_container_does_not_run_here(tmp_path: Path) -> None:
    message = failure("true", tmp_path, inherited={"docker": {"image": "ubuntu"}})

    assert "not supported yet" in message


def test_code_zero_is_a_success() -> None:
    assert Sh().conclude(Exit(0, Path("/nowhere"))) == TaskResult()


def test_any_other_code_is_a_failure() -> None:
    with pytest.raises(TaskFailed) as failed:
        Sh().conclude(Exit(3, Path("/nowhere")))

    assert failed.value.error == {"message": "Command failed with code 3 (runtime)"}
