"""The walk of `nodes` as machine code, one neutrino after another: the same decisions, the same nodes.

Here are the loops only. What they do and why stands in `nodes`, `descent`, `declination` and `sky.pixels`, whose
formulas they repeat in the same order, so that nodes differ in the last digits at most.
"""

from __future__ import annotations

import math

import numpy as np

from llama.science.arrays import Float, Index
from llama.science.overlap.machine.compiling import compiled, kept
from llama.science.overlap.machine.records import NodeColumns, Open, PointSpread, Scales, Signal, Sky

_NOTHING = -1e300
_LOG_4 = float(np.log(4))
_TWO_PI = 2 * math.pi
_S0, _S1, _S2, _S3, _S4, _S5, _S6, _S7 = ((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8))
_C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8 = ((-1.0) ** k / math.factorial(2 * k) for k in range(1, 9))
_SPARE = 40.0  # e-folds below the largest that change no digit of a sum


@kept
def walk_all(sky: Sky, signal: Signal, scales: Scales, spreads: Float) -> tuple[NodeColumns, Index]:
    """Nodes of all neutrinos, and where those of each start.

    Args:
        spreads: (n, 6) rows of `PointSpread`.
    """
    n = spreads.shape[0]
    start = np.zeros(n + 1, np.int64)
    found, one, two = _room(512 * n + 4096), _space(4096), _space(4096)
    for i in range(n):
        found, one, two, start[i + 1] = _walk(sky, signal, scales, spreads[i], i, found, one, two, start[i])
    return found, start


@compiled
def _walk(
    sky: Sky, signal: Signal, scales: Scales, row: Float, i: int, found: NodeColumns, one: Open, two: Open, count: int
) -> tuple[NodeColumns, Open, Open, int]:
    """Nodes of one neutrino after `count` others."""
    spread = PointSpread(row[0], row[1], row[2], row[3], row[4], row[5])
    order, emits, last = scales.orders
    size, begin = sky.start_node.size, count
    one = _enough(one, size)
    one.node[:size], one.ipix[:size] = sky.start_node, sky.start_ipix
    one.floats[0, :size] = sky.start_log_probability
    known, peak, half, largest = -np.inf, -np.inf, -1, signal.table[i]
    while size:
        if signal.half[order] != half:
            half = signal.half[order]
            largest = _largest(signal.table[i], half)
        _centres(order, sky, one, size)
        _bounds(scales.up[order], scales.across[order], spread, signal.sin_dec, one.floats, size)
        highest, top = _judge(order, sky.cell, scales, spread.root, largest, one, size, known, peak)
        if max(known, highest) < top:
            top = _whole_below(top, known, one.floats, size, highest)
        against = max(top, _NOTHING)
        found = _enough_found(found, count, size)
        size, count, known, peak = _sort_out(order, sky.cell, scales, one, size, against, found, count, known, peak)
        if order == last:
            break
        two = _enough(two, 4 * size)
        size, order = _split(sky, one, size, two), order + 1
        one, two = two, one
        if order < emits:
            two = _enough(two, 4 * size)
            size, order = _split(sky, one, size, two), order + 1
            one, two = two, one
    _finish(sky, spread, found, begin, count)
    return found, one, two, count


@compiled
def _centres(order: int, sky: Sky, one: Open, size: int) -> None:
    """Fills in the centres of the open nodes."""
    first, side, centre = sky.level[min(order, sky.level.size - 1)], 1.0 / (1 << order), one.floats
    for e in range(size):
        node = one.node[e]
        if node < first:
            centre[4, e], centre[5, e], centre[6, e] = _centre(order, side, one.ipix[e])
        else:
            centre[4, e], centre[5, e], centre[6, e] = sky.centre[node, 0], sky.centre[node, 1], sky.centre[node, 2]


@compiled
def _bounds(up: float, across: float, spread: PointSpread, grid: Float, floats: Float, size: int) -> None:
    """Fills in what `_Walk._bounds` gives, and the place on the grid. Without branches: several at a time."""
    log_p, low, high, slope, x, y, z = floats[0], floats[1], floats[2], floats[3], floats[4], floats[5], floats[6]
    place, kappa, log_peak, south, last = floats[7], spread.kappa, spread.log_peak, grid[0], grid.size - 1.0
    step = (grid[-1] - south) / last
    for e in range(size):
        a, b, c = x[e] - spread.x, y[e] - spread.y, z[e] - spread.z
        sine2 = min((a * a + b * b + c * c) / 4, 1.0)
        sine, cosine = math.sqrt(sine2), math.sqrt(1 - sine2)
        near = max(sine * across - cosine * up, 0.0)
        far = sine * across + cosine * up if cosine * across > sine * up else 1.0
        least = log_p[e] + (log_peak - 2 * kappa * (far * far))
        low[e], high[e], slope[e] = least, least + 2 * kappa * (far * far - near * near), 2 * sine * cosine * kappa
        place[e] = min(max(np.rint((z[e] - south) / step), 0.0), last)


@compiled
def _judge(
    order: int,
    cell: Index,
    scales: Scales,
    root: float,
    largest: Float,
    one: Open,
    size: int,
    known: float,
    peak: float,
) -> tuple[float, float]:
    """Bounds and sizes of the open nodes; the largest lower bound, and the largest patch so far."""
    pixel, floats, drop, of_steep, of_alpha = scales.pixel[order], one.floats, *scales.limits[:1], *scales.limits[3:5]
    highest, whole, top = -np.inf, _TWO_PI / (pixel * root) ** 2, peak
    most = max(math.log(whole), 0.0) + drop + 1e-9
    for e in range(size):
        at = int(floats[7, e])
        floats[1, e] -= largest[at, 0]
        high, highest = floats[2, e] + largest[at, 1], max(highest, floats[1, e])
        if high + most < min(max(known, highest), top):  # too little whatever its patch
            floats[2, e] = -np.inf
            continue
        steep = pixel * largest[at, 2]
        side = pixel * max(root, floats[3, e])
        area = side * max(side, steep)
        floats[2, e] = high + math.log(_TWO_PI / area) if area < _TWO_PI else high
        constant = cell[one.node[e]] >= 0
        floats[3, e] = max(side, of_alpha * (pixel * largest[at, 3]) if constant else of_steep * steep)
        top = max(top, floats[2, e])
    return highest, top


@compiled
def _sort_out(
    order: int,
    cell: Index,
    scales: Scales,
    one: Open,
    size: int,
    against: float,
    found: NodeColumns,
    count: int,
    known: float,
    peak: float,
) -> tuple[int, int, float, float]:
    """Emits what is fine enough and keeps what matters in front: how many are open, emitted, and what is known."""
    drop, _, emits, last = scales.limits[0], *scales.orders
    kept, highest, total, floats = 0, -np.inf, 0.0, one.floats
    for e in range(size):
        share = min(floats[2, e] - against, 0.0)
        if not share > -drop:
            continue
        node = one.node[e]
        if order >= emits and (order == last or _fine(floats[3, e], share, cell[node] >= 0, scales.limits)):
            found.node[count], found.order[count], found.floats[0, count] = node, order, floats[0, e]
            for k in range(3):
                found.direction[count, k] = floats[4 + k, e]
            count += 1
            peak = max(peak, floats[2, e])
            total, highest = _add(total, highest, floats[1, e])
        else:
            one.node[kept], one.ipix[kept], floats[0, kept] = node, one.ipix[e], floats[0, e]
            kept += 1
    if total > 0:
        known = _log_add(known, math.log(total) + highest)
    return kept, count, known, peak


@compiled
def _fine(size: float, share: float, constant: bool, limits: tuple[float, ...]) -> bool:
    """Whether a node is fine enough for what it matters."""
    largest, more = limits[1] if constant else limits[2], min(-share / 4, limits[5])
    return size < largest or (size < 8 * largest and size < largest * math.exp(more))


@compiled
def _finish(sky: Sky, spread: PointSpread, found: NodeColumns, first: int, last: int) -> None:
    """What `_Walk.nodes` makes of the nodes of a neutrino, whose centres and probabilities are there."""
    kappa, direction, floats = spread.kappa, found.direction, found.floats
    for at in range(first, last):
        node, order = found.node[at], found.order[at]
        x, y, z = direction[at, 0], direction[at, 1], direction[at, 2]
        if sky.cell[node] >= 0:
            up, aside, v_north, v_east, both = _moments(order, x, y, z)
        else:
            x, y, z = sky.direction[node, 0], sky.direction[node, 1], sky.direction[node, 2]
            direction[at, 0], direction[at, 1], direction[at, 2] = x, y, z
            up, aside = 0.0, 0.0
            v_north, v_east, both = sky.variances[0, node], sky.variances[1, node], sky.variances[2, node]
        along = spread.x * x + spread.y * y + spread.z * z
        scale, flat = kappa / math.sqrt(max(x * x + y * y, 1e-300)), kappa * along
        north, east = scale * (spread.z - z * along), scale * (spread.y * x - spread.x * y)
        bend = (north * north - flat) * v_north + (east * east - flat) * v_east + 2 * north * east * both
        floats[0, at] += spread.log_peak - 2 * kappa * _quarter(spread, x, y, z)
        floats[0, at] += north * up + east * aside + bend / 2
        height, per_sine = _height(z)
        per_rad = per_sine * math.sqrt(max(1 - z * z, 1e-300))
        floats[1, at] = height + per_rad * (north * v_north + east * both)
        floats[2, at] = per_rad * math.sqrt(6 * v_north)
        found.part[at] = node < sky.level[min(order, sky.level.size - 1)]


@compiled
def _split(sky: Sky, one: Open, size: int, two: Open) -> int:
    """Children of the open nodes; how many they are."""
    count = 0
    for e in range(size):
        node = one.node[e]
        constant = sky.cell[node] >= 0
        for rank in range(4 if constant else sky.children[node]):
            if constant:
                two.node[count], two.ipix[count] = node, 4 * one.ipix[e] + rank
                two.floats[0, count] = one.floats[0, e] - _LOG_4
            else:
                below = sky.child[node] + rank
                two.node[count], two.ipix[count] = below, sky.ipix[below]
                two.floats[0, count] = sky.log_probability[below]
            count += 1
    return count


@compiled
def _largest(table: Float, half: int) -> Float:
    """(d, 4) the largest of each row within so many bins."""
    bins, whole = table.shape[1], 2 * half + 1
    found, widened = np.empty((bins, 4)), np.empty(bins + 2 * half)
    for row in range(4):
        for k in range(widened.size):
            widened[k] = table[row, min(max(k - half, 0), bins - 1)]
        width = 1  # windows of a power of two, two of which make the whole
        while 2 * width <= whole:
            for k in range(widened.size - width):
                widened[k] = widened[k] if widened[k] > widened[k + width] else widened[k + width]
            width *= 2
        for k in range(bins):
            found[k, row] = max(widened[k], widened[k + whole - width])
    return found


@compiled
def _centre(order: int, side: float, ipix: int) -> tuple[float, float, float]:
    """`sky.vectors` of the centre of a pixel."""
    face, within = ipix >> (2 * order), ipix & ((1 << (2 * order)) - 1)
    u, v = (_even_bits(within) + 0.5) * side, (_even_bits(within >> 1) + 0.5) * side
    row = face // 4
    turn = 2 * (face % 4) + (0 if row == 1 else 1)
    up = u + v - row
    belt, ring = min(max(up, -1.0), 1.0), min(2 - abs(up), 1.0)
    cap, belt2 = ring * ring / 3, belt * belt
    sine = math.sqrt(1 - belt2 + belt2 * cap * (2 - cap))
    away, z = (u - v) / max(ring, 1e-300), belt * (1 - cap)
    if abs(abs(z) - 2 / 3) < side / 3:  # `_moments` looks at the last digit there
        phi = (math.pi / 4) * (turn + away)
        return sine * math.cos(phi), sine * math.sin(phi), z
    cosine_phi, sine_phi = _turned(turn, away)
    return sine * cosine_phi, sine * sine_phi, z


@compiled
def _turned(turn: int, away: float) -> tuple[float, float]:
    """Cosine and sine of so many eighths of a turn, a whole number and a rest of at most one, by their series."""
    a = (math.pi / 4) * away
    b = a * a
    bb = b * b  # even and odd terms apart, so that they need not wait for each other
    s = _S0 + bb * (_S2 + bb * (_S4 + bb * _S6)) + b * (_S1 + bb * (_S3 + bb * (_S5 + bb * _S7)))
    c = bb * (_C2 + bb * (_C4 + bb * (_C6 + bb * _C8))) + b * (_C1 + bb * (_C3 + bb * (_C5 + bb * _C7)))
    s, c = s * a, c + 1
    if turn & 1:
        s, c = (s + c) * math.sqrt(0.5), (c - s) * math.sqrt(0.5)
    quarter = turn >> 1
    if quarter & 1:
        s, c = c, -s
    return (-c, -s) if quarter & 2 else (c, s)


@compiled
def _even_bits(value: int) -> int:
    """Bits 0, 2, 4, … packed together."""
    value &= 0x5555555555555555
    value = (value | (value >> 1)) & 0x3333333333333333
    value = (value | (value >> 2)) & 0x0F0F0F0F0F0F0F0F
    value = (value | (value >> 4)) & 0x00FF00FF00FF00FF
    value = (value | (value >> 8)) & 0x0000FFFF0000FFFF
    return (value | (value >> 16)) & 0x00000000FFFFFFFF


@compiled
def _moments(order: int, x: float, y: float, z: float) -> tuple[float, float, float, float, float]:
    """`sky.pixel_moments` of one pixel."""
    side = 1.0 / (1 << order)
    ring = min(math.sqrt(3 * max(1 - abs(z), 1e-300)), 1.0)
    edge = abs(abs(z) - 2 / 3) < side / 3
    cap = 0.5 if edge else (1.0 if ring < 1 else 0.0)
    aside = _aside(edge, x, y) if cap > 0 else 0.0
    cosine = math.sqrt(max(1 - z * z, 1e-300))
    north, east = ring * (2 / 3) / cosine, cosine * (math.pi / 4) / ring
    both = math.copysign(north * east * aside * cap, z * aside)
    v_north, v_east = north * north, east * east * (1 + aside * aside * (1 / 3 if edge else cap))
    up = ((v_north + v_east) * z / 2 - math.copysign(cap / 3, z)) / cosine
    aslant = east * aside / ring * (cap + (1 / side if edge else 0.0))
    scale = side * side / 6
    return up * scale, (aslant - both * z / cosine) * scale, v_north * scale, v_east * scale, both * scale


@compiled
def _aside(edge: bool, x: float, y: float) -> float:
    """How far a direction lies from the middle of its face, −1 to 1."""
    if edge:
        return math.atan2(y, x) % (math.pi / 2) * (4 / math.pi) - 1
    a, b = (abs(x), abs(y)) if x * y > 0 else (abs(y), abs(x))
    return (4 / math.pi) * math.atan((b - a) / (b + a))


@compiled
def _quarter(spread: PointSpread, x: float, y: float, z: float) -> float:
    """sin²(ψ/2) from the chord."""
    a, b, c = x - spread.x, y - spread.y, z - spread.z
    return (a * a + b * b + c * c) / 4


@compiled
def _height(z: float) -> tuple[float, float]:
    """`sky.height` and `sky.height_per_sine`."""
    if abs(z) <= 2 / 3:
        return 1.5 * z, 1.5
    ring = math.sqrt(3 * max(1 - abs(z), 1e-300))
    return math.copysign(2 - ring, z), 1.5 / ring


@compiled
def _whole_below(top: float, known: float, floats: Float, size: int, highest: float) -> float:
    """ln of what is known and the sum of all lower bounds, the highest of which is given; no more than `top`."""
    highest = max(highest, _NOTHING)
    total, enough = math.exp(known - highest), math.exp(top - highest)
    for e in range(size):
        if floats[1, e] > highest - _SPARE:
            total += math.exp(floats[1, e] - highest)
            if total >= enough:
                return top
    return math.log(total) + highest


@compiled
def _add(total: float, top: float, value: float) -> tuple[float, float]:
    """A sum of exponentials over the largest, and ln of that, with one more."""
    if value > top:
        return (total * math.exp(top - value) if total > 0 else 0.0) + 1.0, value
    return total + (math.exp(value - top) if value > top - _SPARE else 0.0), top


@compiled
def _log_add(one: float, other: float) -> float:
    """ln(e^one + e^other)."""
    if one == other:
        return one + math.log(2)
    return max(one, other) + math.log1p(math.exp(-abs(one - other)))


@compiled
def _room(size: int) -> NodeColumns:
    return NodeColumns(
        np.empty((size, 3)),
        np.empty((3, size)),
        np.empty(size, np.int64),
        np.empty(size, np.bool_),
        np.empty(size, np.int64),
    )


@compiled
def _enough_found(found: NodeColumns, count: int, more: int) -> NodeColumns:
    """The same with room for some more."""
    if count + more <= found.node.size:
        return found
    wider = _room(2 * (count + more))
    wider.direction[:count], wider.floats[:, :count] = found.direction[:count], found.floats[:, :count]
    wider.part[:count] = found.part[:count]
    wider.node[:count], wider.order[:count] = found.node[:count], found.order[:count]
    return wider


@compiled
def _space(size: int) -> Open:
    return Open(np.empty(size, np.int64), np.empty(size, np.int64), np.empty((8, size)))


@compiled
def _enough(space: Open, size: int) -> Open:
    """As much space, or new one."""
    return space if size <= space.node.size else _space(2 * size)
