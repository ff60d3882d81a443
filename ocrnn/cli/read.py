"""`ocrnn read`: pictures in, text out; one, many, or folders unattended."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ocrnn.cli import options
from ocrnn.cli.account import Account, are_failures, write_failures
from ocrnn.cli.main import FAILED, MISUSED, NOTHING_TO_READ
from ocrnn.cli.outlet import Outlet, form_for, is_folder, is_table
from ocrnn.cli.places import STDOUT, check_apart, check_own, standard_input
from ocrnn.errors import ImageError, OutputError, UsageError
from ocrnn.folders import is_page_file
from ocrnn.storage import is_final
from ocrnn.transcribe import parquet
from ocrnn.transcribe.batch import STDIN, Picture, find, path_list
from ocrnn.transcribe.output import PLAIN, WITH_ALTERNATIVES, Form
from ocrnn.transcribe.review import MIN_CONF, Review, is_review, review_list
from ocrnn.transcribe.shards import Shard

if TYPE_CHECKING:
    from ocrnn.decoding.search import Decoder
    from ocrnn.model.device import Device
    from ocrnn.transcribe.prepared import Frames
    from ocrnn.transcribe.reader import Reader
    from ocrnn.transcribe.result import Result
    from ocrnn.transcribe.source import Source
    from ocrnn.transcribe.turning import Turn

_M_ARENA_MAX = -8
"""What glibc's mallopt calls the most arenas there may be (malloc.h)."""
_SENDING = "send a picture with `< FILE`, or a list of paths with `|`"
_EMPTY = "standard input is empty; send a picture, or a path on each line"


@click.command(
    "read",
    epilog="\b\nocrnn read line.png\nocrnn read scans -o texts --failures failed.tsv\n"
    "ocrnn read scans -o texts --review doubtful.tsv --min-conf 0.9\n"
    "find scans -name '*.png' | ocrnn read - -o texts\n"
    "ocrnn read line.png -f json --alternatives 3\n"
    "ocrnn read page.xml -f page -o filled\n"
    "ocrnn read amounts --regex '\\d+\\.\\d\\d' --failures no-amounts.tsv\n"
    "ocrnn read plates --allow '[:upper:][:digit:]-'\n"
    "ocrnn read letters --lm french.arpa\n\n"
    "Exit status: 0 all read, 1 some failed, 2 wrong use, 3 model unusable, 4 nothing to read, 130 interrupted.",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=options.ANY_PATH)
@options.model
@click.option(
    "-o",
    "--output",
    metavar="FILE|DIR",
    type=options.ANY_PATH,
    help="Write there, not to standard output, which is -. A folder that exists, a name with a slash at its end or "
    "without a suffix is a DIR and gets a file for each picture; anything else is one FILE. A .parquet is a table "
    "(needs ocrnn[parquet]) and takes no -f.",
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(get_args(Form)),
    help="text: lines of text; tsv, csv: path, text and confidence; json, jsonl: also the place of each character, as "
    "an array or an object on each line; hocr, alto (4), page (2019): the same as XML, with words.  [default: what the "
    "suffix of -o FILE says, or text]",
)
@options.decoder
@options.beam_width
@click.option(
    "--alternatives",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Further texts for each line, in json, jsonl and page, and in the first two further characters for each "
    "character; implies --decoder beam.",
)
@options.allow
@options.block
@options.lexicon
@options.lexicon_cost
@options.regex
@options.lm
@options.lm_weight
@click.option(
    "--review",
    metavar="FILE",
    type=options.ANY_PATH,
    help="List the lines that a person should look at: path, text and confidence, each as soon as it is read.",
)
@click.option(
    "--min-conf",
    type=options.Number(0, 1),
    metavar="P",
    help="List lines of less confidence, 0 to 1, than this; belongs to --review.  [default: 0.95]",
)
@click.option(
    "--turn",
    type=click.Choice(["none", "tall", "auto"]),
    default="tall",
    show_default=True,
    help="auto: lines turned by 90, 180 or 270 degrees are read upright; tall: only those far higher than wide.",
)
@click.option(
    "--frames",
    type=click.Choice(["pages", "fuse"]),
    default="pages",
    show_default=True,
    help="What the pages of a GIF, APNG, WebP or TIFF are: lines of their own, or one line seen several times, fused "
    "into one reading. A video (MP4, MOV, AVI, MKV, WebM) always is one line.",
)
@click.option(
    "--failures", metavar="FILE", type=options.ANY_PATH, help="Write path and reason of what could not be read."
)
@click.option("--overwrite", is_flag=True, help="Read again and replace what -o holds already.")
@click.option(
    "--shard",
    metavar="I/N",
    help="Read the I-th of N equal shares; -o all.tsv is then all-I-of-N.tsv, and `ocrnn merge` puts them together. "
    "auto: the share that Slurm or Kubernetes gives this process.",
)
@click.option(
    "--ray",
    is_flag=True,
    help="Read on a Ray cluster, with a reader for each core, with --device cuda for each GPU, or -j of them; pictures "
    "and model under the same paths on each machine. Needs ocrnn[ray].",
)
@click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="Where the cluster is, or auto; implies --ray.  [default: this machine alone]",
)
@options.max_pixels
@options.batch_size(16)
@options.jobs
@options.threads_of_a_job
@options.device
@options.quiet
@options.verbose
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    model: str | None,
    output: str | None,
    form: Form | None,
    decoder: Decoder | None,
    beam_width: int | None,
    alternatives: int,
    allow: str | None,
    block: str | None,
    lexicon: str | None,
    lexicon_cost: float | None,
    regex: str | None,
    lm: str | None,
    lm_weight: float | None,
    review: str | None,
    min_conf: float | None,
    turn: Turn,
    frames: Frames,
    failures: str | None,
    overwrite: bool,
    shard: str | None,
    ray: bool,
    ray_address: str | None,
    max_pixels: int | None,
    batch_size: int,
    jobs: int | None,
    threads: int | None,
    device: Device,
    quiet: bool,
    verbose: bool,
) -> None:
    r"""Read lines of text in pictures: files, folders, patterns, or - for standard input.

    One picture prints its text alone. Several, or a folder, print path, tab and text for each, in the order given;
    a folder is searched recursively for pictures, in natural order. Each page of a TIFF or GIF is a line; its path is
    then scan.tif#1, scan.tif#2 and so on. A picture that cannot be read is named, and the rest is read.

    A PAGE or ALTO file (needs ocrnn[pages]) stands for the lines of its page, cut out of the page's picture; they are
    page.xml#r1l1 and so on, by the names they have there. In a folder such files are found too, and their pictures are
    not read as lines. With -f page a PAGE file, with -f alto an ALTO file is written again as it is, but for the texts,
    words and characters of the lines that were read. -o DIR takes the copy; it is changed in its place only where -o
    leads there and --overwrite is given.

    A picture that seems to hold several lines is read as if it were one and warned of: cut it first. One that is over
    2.5 times as high as wide is also read turned by a right angle either way; with --turn auto any tall one is, and a
    wide one on its head where it is doubtful.

    A video that is named, and with --frames fuse an animated picture, is one line filmed: up to 64 of its frames,
    evenly spread, give the text that fits them all best. They have to be cut to the line.

    Standard input holds a picture, or a list: a file, folder or pattern on each line, or each ended by NUL.

    With -o DIR the text of scans/a/7.png goes to DIR/a/7.txt when the folder scans is read (other forms bring their own
    suffix, .xml for alto and page; 7.png.txt where there is a 7.jpg too). Listed paths keep their folders below DIR. A
    tar stands for the pictures in it. What is there already is skipped, so a run that was stopped goes on where it was.
    With -o FILE there is one file, written when all is read, in the form that its suffix names unless -f names another;
    an .xml needs -f. Forms alto and page, which are about one picture, need -o DIR
    for several.

    --review lists the lines that may be wrong: of those with a confidence of 0.9 one in ten is. A run that goes on
    keeps what is listed of the pictures that it skips; it does not look at them again.

    What is known beforehand goes into the search for the text, all of it together: --allow, --block, --lexicon,
    --regex and --lm imply the beam. Where the picture alone reads otherwise, json and jsonl bring both texts. A picture
    to which nothing fits is read as no text, is named, and counts as failed.

    In a lexicon a word is a run of letters; spaces, digits and punctuation around it are free. A word written small is
    known with a capital and in capitals too. Up to two letters behind a digit (4th, 5kg) and the beginning of a word
    before a hyphen at the line's end are free as well. Patterns know . [] () | ? * + {2,4} and \d \w \s.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's, which would spin while there is nothing for them
    if output == STDOUT:
        output = None
    table = is_table(output)
    if table:
        if form is not None:
            raise UsageError(f"{output}: a .parquet has a form of its own; leave out -f")
        parquet.libraries()
    form = form or form_for(output)
    constrained = any(given is not None for given in (allow, block, lexicon, regex, lm))
    picked = _decoder(decoder, beam_width, alternatives, "json" if table else form, constrained=constrained)
    if lexicon_cost is not None and lexicon is None:
        raise UsageError("--lexicon-cost: says what words outside of a lexicon cost; add --lexicon FILE")
    if lexicon is not None and not os.path.isfile(lexicon):
        raise UsageError(f"{lexicon}: no such file; name a file of words or lines for --lexicon")
    if lm_weight is not None and lm is None:
        raise UsageError("--lm-weight: says how much a language counts; add --lm FILE")
    if lm is not None and not os.path.isfile(lm):
        raise UsageError(f"{lm}: no such file; name a language model for --lm, made by `ocrnn lm build`")
    if quiet and verbose:
        raise UsageError("--quiet and --verbose: contradict one another; give one of them")
    if min_conf is not None and review is None:
        raise UsageError("--min-conf: doubtful lines need a list to go on; add --review FILE")
    on_cluster = ray or ray_address is not None
    if device in ("cuda", "mps") and not on_cluster:  # of which each machine looks for itself
        from ocrnn.model.runtime import check_device

        check_device(model, device)
    if paths.count(STDIN) > 1:
        raise UsageError("-: standard input can be read once; name it once")
    stdin = standard_input(_SENDING, max_pixels) if STDIN in paths else b""
    listed = path_list(stdin) if STDIN in paths else None

    share = None if shard is None else Shard.parse(shard, os.environ)

    found = find(paths, listed=listed)
    pictures: Sequence[Picture] = found.pictures
    # A picture that was named itself, not found in a folder, a list or a tar, needs no path before its text; in a share
    # it does, for shares are put together by their paths.
    alone = len(paths) == len(pictures) == 1 and share is None
    alone = alone and not listed and not os.path.isdir(paths[0]) and not pictures[0].member
    account = Account(quiet=quiet, verbose=verbose, alone=alone)
    if share is None or share.number == 1:  # the first share tells what leads nowhere
        empty = [(STDIN, _EMPTY)] if listed == [] and len(paths) > 1 else []
        for path, reason in (*found.problems, *empty):
            account.fail(path, reason)
    if not pictures:
        if not found.problems:
            reason = _EMPTY if listed == [] else "holds no pictures; give a folder that does"
            click.echo(f"ocrnn: {', '.join(paths)}: {reason}", err=True)
        ctx.exit(MISUSED if account.failed or found.problems else NOTHING_TO_READ)

    page_file = next((path for path in paths if is_page_file(path)), None)
    if page_file is not None:  # of those in folders each fails by itself
        from ocrnn.data.layout import check_reader

        check_reader(page_file)
    if share is not None:
        # Many write into one folder, but not into one file.
        failures = failures and share.name(failures)
        review = review and share.name(review)
        output = output and (output if is_folder(output) else share.name(output))
    check_apart({"-o": output, "--failures": failures, "--review": review})
    outlet = Outlet.chosen(output, form, pictures, alone=alone, overwrite=overwrite, named=paths)
    if failures is not None:  # now that the folder is there in which it may be
        check_own(failures, "another file to list failures in", are_failures)
    if review is not None:
        check_own(review, "another file to list doubtful lines in", is_review)
    for option, place in (("--failures", failures), ("--review", review)):
        if place is not None and outlet.fills(place):
            raise UsageError(f"{place}: is where -o puts the text of a picture; name another file for {option}")
    pictures, there = outlet.due(pictures, share, overwrite=overwrite)

    doubts: Review | None = None
    # A bar and text that share one terminal would write into one another's lines.
    account.watch(
        len(pictures), shown=not quiet and len(pictures) > 1 and (output is not None or not sys.stdout.isatty())
    )
    closing = ExitStack()
    try:
        if review is not None:
            # What a run that was stopped has listed stays on the list when it goes on.
            again = [picture.path for picture in pictures] if there else None
            least = MIN_CONF if min_conf is None else min_conf
            doubts = closing.enter_context(review_list(review, least, again=again))
        if pictures:
            chosen = _options(
                model,
                decoder=picked,
                beam_width=beam_width,
                alternatives=alternatives,
                allow=allow,
                block=block,
                lexicon=lexicon,
                lexicon_cost=lexicon_cost,
                regex=regex,
                lm=lm,
                lm_weight=lm_weight,
                turn=turn,
                frames=frames,
                parts=table or form not in PLAIN,
                # A picture alone gets all cores: there is nothing to read beside it.
                jobs=jobs or (1 if len(pictures) == 1 else None),
                threads=threads,
                device=device,
                max_pixels=max_pixels,
            )
            sources = _Sources(pictures, stdin)
            if on_cluster:
                results = _on_cluster(sources, chosen, batch_size, ray_address, jobs)
            else:
                reader = _open(chosen)
                account.opened(len(pictures))
                results = reader.read_sources(sources, batch_size=batch_size)
            with outlet.open() as put:
                for picture, pages in zip(pictures, results, strict=True):
                    account.unreadable(picture, pages)
                    if outlet.takes(pages):
                        try:
                            if doubts is not None:
                                _review(doubts, picture, pages)
                            put(picture, pages)
                        except OutputError as error:
                            if outlet.places is None or is_final(error):
                                raise
                            account.fail(picture.path, str(error).removeprefix(f"{picture.path}: "))
                    account.remark(picture, pages)
                    account.advance()
        elif output is not None and outlet.places is None:
            with outlet.open():
                pass  # a share of nothing is a file too: it says that nothing is missing
    finally:
        account.close()
        closing.close()
        if failures is not None:
            write_failures(failures, account.failed)
    account.sum_up(skipped=len(there), doubtful=None if doubts is None else doubts.doubtful)
    if account.failed:
        ctx.exit(FAILED)


def _decoder(
    decoder: Decoder | None, beam_width: int | None, alternatives: int, form: Form, *, constrained: bool
) -> Decoder:
    """The decoder that the options ask for; UsageError where they contradict one another."""
    if alternatives and form not in WITH_ALTERNATIVES:
        raise UsageError(f"--alternatives: has no place in the form {form}; add -f json")
    given = {"--alternatives": alternatives > 0, "--beam-width": beam_width is not None, "a constraint": constrained}
    for option in (option for option, is_given in given.items() if is_given):
        if decoder == "greedy":
            raise UsageError(f"{option}: belongs to the beam; leave out --decoder greedy")
    return decoder or ("beam" if any(given.values()) else "greedy")


def _options(
    model: str | None,
    *,
    beam_width: int | None,
    max_pixels: int | None,
    **others: Any,
) -> dict[str, Any]:
    """What `Reader.open` is given, its own defaults where an option was left out."""
    from ocrnn.decoding.search import BEAM_WIDTH
    from ocrnn.image import MAX_PIXELS

    return {
        "model": model,
        "beam_width": beam_width or BEAM_WIDTH,
        "max_pixels": max_pixels or MAX_PIXELS,
        **others,
    }


def _open(chosen: dict[str, Any]) -> Reader:
    import cv2

    from ocrnn.transcribe.reader import Reader

    cv2.setNumThreads(1)  # its threads would take the cores from the jobs
    # A job that comes back from the network wants Python's lock, and another keeps it for 5 ms more unless told
    # otherwise: on 2,000 lines and two cores each of two jobs waited 0.6 s, now 0.2, and works no longer than before.
    sys.setswitchinterval(2e-4)
    _few_arenas()
    return Reader.open(**chosen)


def _few_arenas() -> None:
    """Let glibc keep freed memory in one arena a core, not one a thread: 375 MB for 50,000 lines, where it was 405."""
    import ctypes

    from ocrnn.model.cores import free_cores

    with contextlib.suppress(AttributeError, TypeError):  # other C libraries have no such thing, Windows no None
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, free_cores())


def _on_cluster(
    sources: _Sources, chosen: dict[str, Any], batch_size: int, address: str | None, actors: int | None
) -> Iterator[list[Result]]:
    from ocrnn.model.runtime import header
    from ocrnn.transcribe.cluster import read_sources

    header(chosen["model"])  # a model that is none is refused here, once, and not by every machine
    return read_sources(sources, options=chosen, address=address, actors=actors, batch_size=batch_size)


class _Sources:
    """What the reader opens for each picture, made as it is asked for; their number is known."""

    def __init__(self, pictures: Sequence[Picture], stdin: bytes) -> None:
        self._pictures = pictures
        self._stdin = stdin

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[Source]:
        from ocrnn.data.samples import Sample

        for picture in self._pictures:
            if picture.member is not None:
                yield Sample(Path(picture.tar), "", part=picture.member)
            else:
                yield io.BytesIO(self._stdin) if picture.path == STDIN else picture.path


def _review(doubts: Review, picture: Picture, pages: Sequence[Result]) -> None:
    for page in pages:
        if not isinstance(page.outcome, ImageError):
            doubts.add(page.titled(picture.path), page.outcome)
