import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
ALLOWED = {
    "digpy",
    "digpy.agent",
    "digpy.agent.keeper",
    "digpy.agent.processes",
    "digpy.agent.spawner",
    "digpy.agent.wire",
    "digpy.failpoints",
}


def test_the_spawner_needs_no_site_packages_and_little_of_digpy() -> None:
    program = (
        f"import sys; sys.path.append({str(ROOT)!r}); import digpy.agent.spawner;"
        "print(*sorted(name for name in sys.modules if name.startswith('digpy')));"
        "print({'pathlib', 'typing', 'subprocess', 'threading', 'asyncio'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    ours, slow = done.stdout.splitlines()
    assert set(ours.split()) == ALLOWED
    assert slow == "set()"
