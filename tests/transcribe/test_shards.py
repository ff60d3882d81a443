from __future__ import annotations

import doctest

import pytest

from ocrnn.errors import UsageError
from ocrnn.transcribe import shards
from ocrnn.transcribe.shards import Shard


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("things", [0, 1, 6, 7, 8, 100])
def test_shares_are_everything_once_in_order_and_alike(count: int, things: int) -> None:
    parts = [Shard(count, number).part(range(things)) for number in range(1, count + 1)]
    assert [thing for part in parts for thing in part] == list(range(things))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "4"}, "1/4"),
        ({"SLURM_ARRAY_TASK_ID": "4", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1"}, "4/4"),
        (
            {
                "SLURM_ARRAY_TASK_ID": "14",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_TASK_STEP": "2",
            },
            "3/3",
        ),
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "5"}, "3/5"),
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "9", "SLURM_STEP_NUM_TASKS": "4"}, "3/4"),
        # An array whose batch script starts nothing with srun: its tasks are the shares, not what it asked cores for.
        (
            {
                "SLURM_ARRAY_TASK_ID": "1",
                "SLURM_ARRAY_TASK_COUNT": "2",
                "SLURM_PROCID": "0",
                "SLURM_NTASKS": "8",
            },
            "2/2",
        ),
        (
            {
                "SLURM_ARRAY_TASK_ID": "1",
                "SLURM_ARRAY_TASK_COUNT": "2",
                "SLURM_PROCID": "3",
                "SLURM_NTASKS": "8",
                "SLURM_STEP_NUM_TASKS": "8",
            },
            "12/16",
        ),
        ({"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "3"}, "1/3"),
    ],
)
def test_jobs_say_which_share_they_are(environment: dict[str, str], expected: str) -> None:
    assert str(Shard.parse("auto", environment)) == expected


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        ("0/4", {}, "0/4: there is no such share; give 1/4 to 4/4"),
        ("5/4", {}, "5/4: there is no such share"),
        ("1/0", {}, "no such share"),
        ("two", {}, "two: is no share"),
        ("-1/4", {}, "is no share"),
        ("auto", {}, "neither Slurm nor Kubernetes"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "4"}, "neither Slurm nor Kubernetes"),
        ("auto", {"JOB_COMPLETION_INDEX": "3"}, "set JOB_COMPLETIONS"),
        ("auto", {"JOB_COMPLETION_INDEX": "3", "JOB_COMPLETIONS": "3"}, "4/3: there is no such share"),
    ],
)
def test_what_is_no_share_is_refused(text: str, environment: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Shard.parse(text, environment)


def test_a_share_is_known_by_its_name() -> None:
    for path in ("all.jsonl", "out/all.tsv", "a-b.parquet", "all-2-of-3.csv"):
        assert Shard.named(Shard(12, 3).name(path)) == Shard(12, 3)
    for path in ("all.jsonl", "all-0-of-3.jsonl", "all-4-of-3.jsonl", "-1-of-3.jsonl"):
        assert Shard.named(path) is None


def test_examples_run() -> None:
    assert doctest.testmod(shards) == (0, 2)
