"""Every incident has its scenario, or the README says where it is shown or why it comes later.

A row's scenario is a test whose name begins with its id (test_h01, test_h01_...); it tells the story in its first lines.
"""
import ast
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
IDS = {f"H{n:02}" for n in range(1, 35)}


def main():
    bad, tests = [], {}
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                if node.name in tests:
                    bad.append(f"{path.name}: {node.name} stands in {tests[node.name][0]} too")
                tests[node.name] = path.name, ast.get_docstring(node)
        if f"history_pytest({path.stem[5:]})" not in (FOLDER / "CMakeLists.txt").read_text():
            bad.append(f"{path.name}: not registered in CMakeLists.txt")
    scenarios = {}
    for name, (file, story) in tests.items():
        match = re.match(r"test_h(\d\d)(_|$)", name)
        if match:
            scenarios.setdefault(f"H{match[1]}", []).append(name)
        if not story:
            bad.append(f"{file}: {name} does not tell what happened")
    # rows of the README's two tables: | id | text |
    rows = re.findall(r"^\| (H\d\d) \| (.+) \|$", (FOLDER / "README.md").read_text(), re.M)
    told = {number: text for number, text in rows if len(text) > 20}
    for number in sorted(IDS - set(scenarios) - set(told)):
        bad.append(f"{number}: neither a scenario nor a line in README.md")
    for number in sorted((set(scenarios) | {n for n, _ in rows}) - IDS):
        bad.append(f"{number}: no incident has this id")
    waiting = [line.split()[0] for line in (FOLDER / "waiting.txt").read_text().splitlines()
               if line and not line.startswith("#")] if (FOLDER / "waiting.txt").exists() else []
    for name in waiting:
        if name.split("[")[0] not in tests:
            bad.append(f"waiting.txt: there is no test {name}")
    print("\n".join(bad) or f"{len(scenarios)} incidents with {sum(map(len, scenarios.values()))} scenarios, "
          f"{len(IDS - set(scenarios))} told in README.md only, {len(waiting)} lines wait")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
