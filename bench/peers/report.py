"""What the rounds say: ratios, agreement, Markdown and a chart. Nothing here runs or reads a program."""

import math
import statistics
from html import escape

BEGIN = "<!-- bench/peers writes from here -->"
END = "<!-- to here -->"
SVG = "http://www.w3.org/2000/svg"
IOU_SAME = 0.5  # from here on two boxes are of one face


def median(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def ratio(over, under):
    """The median of the ratios of neighbours: of one round each, because machines drift between rounds."""
    return median(a / b if a is not None and b else None for a, b in zip(over, under))


def overlap(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / area if area > 0 else 0.0


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def agreement(reference, other):
    """Of two dumps {photo: [[x1, y1, x2, y2, score, embedding], ...]}: each face has one partner at most."""
    ious, cosines, missed, extra = [], [], 0, 0
    for name, expected in reference.items():
        left = list(other.get(name, []))
        for face in expected:
            best = max(left, key=lambda candidate: overlap(face, candidate), default=None)
            if best is None or overlap(face, best) < IOU_SAME:
                missed += 1
                continue
            left.remove(best)
            ious.append(overlap(face, best))
            if face[5] and best[5]:  # landmarks that are one point give no embedding
                cosines.append(cosine(face[5], best[5]))
        extra += len(left)
    return {"both": len(ious), "missed": missed, "extra": extra,
            "iou_mean": statistics.fmean(ious) if ious else None, "iou_least": min(ious, default=None),
            "cosine_mean": statistics.fmean(cosines) if cosines else None, "cosine_least": min(cosines, default=None)}


def column(rounds, program, key):
    return [row[program].get(key) for row in rounds]


def overhead(rounds, program):
    """What a program takes beside decoding, over its models alone."""
    rows = [row[program] for row in rounds]
    return median((row["ms"] - row["decode"]) / row["floor"] if row.get("floor") else None for row in rows)


def number(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def markdown(title, rounds, cores):
    """`rounds`: a list of {program: measurements}, the peer first."""
    programs = list(rounds[0])
    peer = programs[0]
    speed, same = [], []
    for program in programs:
        def values(key, of=program):
            return column(rounds, of, key)

        speed.append([
            program, rounds[-1][program].get("runtime", ""), number(median(values("ms")), 1),
            number(ratio(values("ms", peer), values("ms")), 2), number(median(values("floor")), 1),
            number(overhead(rounds, program), 2), number(median(values("images_s")), 1),
            number(ratio(values("images_s"), values("images_s", peer)), 2), number(median(values("start_s")), 2),
            number(median(values("peak_mb")), 0)])
        faces = rounds[0][program]["dump"]
        pair = agreement(rounds[0][peer]["dump"], faces)
        same.append([
            program, str(sum(map(len, faces.values()))), str(pair["both"]), str(pair["missed"]), str(pair["extra"]),
            number(pair["iou_mean"], 4), number(pair["iou_least"], 4), number(pair["cosine_mean"], 4),
            number(pair["cosine_least"], 4)])
    photos = len(rounds[0][peer]["dump"])
    return "\n".join([
        f"### {title}", "", f"{photos} photos, rounds: {len(rounds)}.", "",
        table(["program", "runtime", "CPU ms a photo", f"{peer} / it", "session.run ms", "the rest / session.run",
               f"photos/s, {cores} cores", f"it / {peer}", "start s", "peak MB"], speed), "",
        table(["program", "faces", f"of {peer}", "missed", "more", "IoU mean", "least", "cosine mean", "least"], same),
        ""])


def chart(sections):
    """An SVG of bars: CPU ms a photo, one group for each (title, rounds)."""
    bar, left, width = 18, 130, 460
    rows, y = [], 10
    for title, rounds in sections:
        y += 20
        rows.append(f'<text x="0" y="{y}" font-weight="bold">{escape(title)}: CPU ms a photo</text>')
        y += 8
        times = {program: median(column(rounds, program, "ms")) for program in rounds[0]}
        for i, (program, ms) in enumerate(times.items()):
            length = width * ms / max(times.values())
            rows.append(f'<text x="{left - 6}" y="{y + 13}" text-anchor="end">{escape(program)}</text>'
                        f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 3}" '
                        f'fill="{"#999" if i == 0 else "#2a7"}"/>'
                        f'<text x="{left + length + 5:.1f}" y="{y + 13}">{ms:.1f}</text>')
            y += bar
    return (f'<svg xmlns="{SVG}" width="{left + width + 60}" height="{y + 10}" '
            'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
            + "\n".join(rows) + "\n</svg>\n")


def between_markers(document, text):
    """The document with `text` between the markers instead of what stands there."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{text.rstrip()}\n\n{END}{tail}"
