class Decoder(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  numbers : List[int]
  codes : List[Tensor]
  scales : List[Tensor]
  minimums : List[Tensor]
  biases : List[Tensor]
  norms : List[Tensor]
  tables : List[Tensor]
  keys : List[Tensor]
  values : List[Tensor]
  constants : List[Tensor]
  ramps : List[Tensor]
  key_scales : List[Tensor]
  value_scales : List[Tensor]
  def forward(self: __torch__.Decoder, x: Tensor) -> Tensor:
    return x

  def set_numbers(self: __torch__.Decoder, numbers: Tensor) -> Tensor:
    for i in range(torch.size(numbers, 0)):
      _0 = torch.append(self.numbers, int(torch.select(numbers, 0, i)))
    return numbers

  def number(self: __torch__.Decoder, index: int) -> int:
    return (self.numbers)[index]

  def set_constants(self: __torch__.Decoder, constants: Tensor) -> Tensor:
    _0 = torch.append(self.constants, torch.clone(constants))
    return constants

  def constant(self: __torch__.Decoder, index: int) -> Tensor:
    return torch.slice((self.constants)[0], 0, index, torch.add(index, 1))

  def ramp(self: __torch__.Decoder, count: int, like: Tensor) -> Tensor:
    if torch.eq(torch.len(self.ramps), 0):
      _0 = torch.append(self.ramps, torch.arange(torch.mul(count, 2), dtype=4, layout=0, device=ops.prim.device(like)))
    else:
      if torch.lt(torch.size((self.ramps)[0], 0), count):
        _1 = torch._set_item(self.ramps, 0, torch.arange(torch.mul(count, 2), dtype=4, layout=0, device=ops.prim.device(like)))
    return torch.slice((self.ramps)[0], 0, 0, count)

  def chain(self: __torch__.Decoder, table: Tensor, weights: Optional[Tensor], indices: Tensor, length: int) -> Tensor:
    ends = torch.arange(0, torch.size(indices, 0), length, dtype=4, layout=0, device=ops.prim.device(table))
    sums, _0, _1, _2, = torch._embedding_bag_forward_only(torch.contiguous(table), indices, ends, False, 0, False, weights)
    return sums

  def exp(self: __torch__.Decoder, x: Tensor) -> Tensor:
    r = torch.clamp(x, -200., 200.)
    n = torch.empty_like(r)
    _0 = torch.addcmul((self).constant(2, ), r, (self).constant(1, ), out=n)
    _1 = torch.sub_(n, 12582912.)
    _2 = torch.addcmul_(r, n, (self).constant(3, ))
    _3 = torch.addcmul_(r, n, (self).constant(4, ))
    p = torch.empty_like(r)
    _4 = torch.addcmul((self).constant(6, ), r, (self).constant(5, ), out=p)
    for i in range(6):
      _5 = torch.addcmul((self).constant(torch.add(i, 7), ), p, r, out=p)
    return torch.mul(p, torch.exp2(torch.to(n, 7)), out=r)

  def normalize(self: __torch__.Decoder, x: Tensor, weight: Tensor) -> Tensor:
    length = torch.linalg_vector_norm(x, 2, [-1], True, dtype=7)
    mean = torch.addcmul((self).constant(0, ), length, length, value=torch.div(1, torch.size(x, -1)))
    return torch.mul(torch.mul(x, torch.to(torch.rsqrt(mean), 6)), weight)

  def rows_of(self: __torch__.Decoder, tiled: Tensor, steps: int, rows: int) -> Tensor:
    tiles = torch.transpose(torch.view(tiled, [-1, steps, 16, 4]), 1, 2)
    return torch.slice(torch.reshape(tiles, [-1, torch.mul(steps, 4)]), 0, 0, rows)

  def grids_of(self: __torch__.Decoder, tiled: Tensor, groups: int, rows: int, which: int) -> Tensor:
    tiles = torch.select(torch.view(tiled, [-1, groups, 2, 16]), 2, which)
    return torch.slice(torch.reshape(torch.transpose(tiles, 0, 1), [groups, -1]), 1, 0, rows)

  def add_linear(self: __torch__.Decoder, codes: List[Tensor], grids: List[Tensor], bias: Tensor, sizes: Tensor) -> Tensor:
    packed = annotate(List[Tensor], [])
    scales = annotate(List[Tensor], [])
    minimums = annotate(List[Tensor], [])
    inputs = int(torch.select(sizes, 0, 0))
    groups = int(torch.select(sizes, 0, 1))
    total = 0
    for i in range(torch.len(codes)):
      rows = int(torch.select(sizes, 0, torch.add(2, i)))
      total = torch.add(total, rows)
      _0 = torch.append(packed, (self).rows_of(codes[i], torch.floordiv(inputs, 8), rows, ))
      _1 = torch.append(scales, (self).grids_of(grids[i], groups, rows, 0, ))
      _2 = torch.append(minimums, (self).grids_of(grids[i], groups, rows, 1, ))
    padding = torch.remainder(torch.neg(total), 16)
    _3 = torch.append(self.codes, torch.contiguous(torch.constant_pad_nd(torch.cat(packed), [0, 0, 0, padding])))
    _4 = torch.append(self.scales, torch.contiguous(torch.constant_pad_nd(torch.cat(scales, 1), [0, padding])))
    _5 = torch.append(self.minimums, torch.contiguous(torch.constant_pad_nd(torch.cat(minimums, 1), [0, padding])))
    _6 = torch.append(self.biases, torch.clone(bias))
    return sizes

  def add_norm(self: __torch__.Decoder, weight: Tensor) -> Tensor:
    _0 = torch.append(self.norms, torch.clone(weight))
    return weight

  def add_head_norms(self: __torch__.Decoder, q: Tensor, k: Tensor) -> Tensor:
    heads = torch.repeat(q, [(self).number(0, ), 1])
    kv_heads = torch.repeat(k, [(self).number(1, ), 1])
    _0 = torch.append(self.norms, torch.cat([heads, kv_heads]))
    return q

  def add_table(self: __torch__.Decoder, values: Tensor, scales: Tensor, sizes: Tensor) -> Tensor:
    rows = int(torch.select(sizes, 0, 0))
    width = int(torch.select(sizes, 0, 1))
    if torch.eq(torch.dim(values), 1):
      plain = torch.contiguous((self).rows_of(values, torch.floordiv(width, 4), rows, ))
    else:
      plain = torch.clone(values)
    _0 = torch.append(self.tables, plain)
    _1 = torch.append(self.tables, torch.clone(torch.slice(scales, 0, 0, rows)))
    return sizes

  def grown(self: __torch__.Decoder, old: Tensor, blocks: int) -> Tensor:
    size = torch.size(old)
    if torch.ge(size[0], blocks):
      result = old
    else:
      more = torch.new_zeros(old, [torch.sub(blocks, size[0]), size[1], size[2], size[3]])
      if torch.eq(size[0], 0):
        result = more
      else:
        result = torch.cat([old, more])
    return result

  def reserve(self: __torch__.Decoder, blocks: Tensor, like: Tensor) -> Tensor:
    layers = (self).number(4, )
    count = torch.size(blocks, 0)
    kv_heads = (self).number(1, )
    dim = (self).number(2, )
    int8 = (self).number(5, )
    if torch.eq(int8, 1):
      kind = 1
      scaled = 1
    else:
      kind = 5
      scaled = 0
    if torch.eq(torch.len(self.keys), 0):
      for i in range(layers):
        empty = torch.zeros([0, 64, kv_heads, dim], dtype=kind, layout=0, device=ops.prim.device(like))
        no_scales = torch.zeros([0, 64, kv_heads, scaled], dtype=6, layout=0, device=ops.prim.device(like))
        _0 = torch.append(self.keys, empty)
        _1 = torch.append(self.values, empty)
        _2 = torch.append(self.key_scales, no_scales)
        _3 = torch.append(self.value_scales, no_scales)
    for i in range(layers):
      _4 = torch._set_item(self.keys, i, (self).grown((self.keys)[i], count, ))
      _5 = torch._set_item(self.values, i, (self).grown((self.values)[i], count, ))
      _6 = torch._set_item(self.key_scales, i, (self).grown((self.key_scales)[i], count, ))
      _7 = torch._set_item(self.value_scales, i, (self).grown((self.value_scales)[i], count, ))
    return like

  def round_int8(self: __torch__.Decoder, x: Tensor, group: int) -> Tuple[Tensor, Tensor]:
    short = torch.remainder(torch.neg(torch.size(x, -1)), group)
    if torch.eq(short, 0):
      padded = x
    else:
      padded = torch.constant_pad_nd(x, [0, short])
    parts = torch.view(padded, [torch.size(x, 0), -1, group])
    peak = torch.amax(torch.abs(parts), [-1])
    if torch.eq((self).number(6, ), 1):
      peaks = torch.contiguous(torch.expand(torch.amax(peak, [-1], True), torch.size(peak)))
    else:
      peaks = peak
    scale = torch.clamp_min(torch.div(peaks, 127.), 7.8886090522101181e-31)
    return (torch.round(torch.div(parts, torch.unsqueeze(scale, -1))), scale)

  def halves(self: __torch__.Decoder, x: Tensor, group: int) -> Tensor:
    rows = torch.size(x, 0)
    nibbles = torch.permute(torch.view(x, [rows, -1, torch.floordiv(group, 8), 2, 4]), [3, 0, 1, 2, 4])
    return torch.reshape(nibbles, [2, rows, -1, torch.floordiv(group, 2)])

  def add_groups(self: __torch__.Decoder, i: int, start: int, end: int, d: Tensor, sums: Tensor, scale: Tensor) -> Tensor:
    m = torch.slice((self.minimums)[i], 1, start, end)
    t = torch.mul(torch.unsqueeze(sums, -1), m)
    _0 = torch.addcmul_(t, torch.to(torch.slice((self.scales)[i], 1, start, end), 7), d)
    count = torch.mul(torch.size(t, 0), torch.size(t, 1))
    return (self).chain(torch.reshape(t, [count, -1]), torch.flatten(scale), (self).ramp(count, t, ), torch.size(t, 1), )

  def grouped(self: __torch__.Decoder, i: int, x: Tensor, scale: Tensor) -> Tensor:
    group = torch.size(x, -1)
    groups = torch.size(x, 1)
    pair = torch.transpose((self).halves(x, group, ), 1, 2)
    low_x = torch.contiguous(torch.select(pair, 0, 0))
    high_x = torch.contiguous(torch.select(pair, 0, 1))
    sums = torch.sum(x, [-1])
    codes = (self.codes)[i]
    outputs = torch.size(codes, 0)
    tile = (self).number(7, )
    results = annotate(List[Tensor], [])
    for t in range(torch.floordiv(torch.sub(torch.add(outputs, tile), 1), tile)):
      start = torch.mul(t, tile)
      end = torch.add(start, tile)
      part = torch.slice(codes, 0, start, end)
      low = torch.view(torch.to(torch.bitwise_and(part, 15), 6), [torch.size(part, 0), groups, -1])
      d = torch.bmm(low_x, torch.permute(low, [1, 2, 0]))
      high = torch.view(torch.to(torch.bitwise_right_shift(part, 4), 6), [torch.size(part, 0), groups, -1])
      e = torch.baddbmm_(d, high_x, torch.permute(high, [1, 2, 0]))
      _0 = torch.append(results, (self).add_groups(i, start, end, torch.transpose(e, 0, 1), sums, scale, ))
    return torch.cat(results, 1)

  def diagonal_of(self: __torch__.Decoder, x: Tensor) -> Tensor:
    size = torch.size(x)
    eye = torch.eye(size[2], dtype=1, layout=0, device=ops.prim.device(x))
    blocks = torch.mul(torch.unsqueeze(x, 1), torch.view(eye, [1, size[2], 1, size[2], 1]))
    rows = torch.view(blocks, [torch.mul(size[0], size[2]), -1])
    if torch.lt(torch.size(rows, 0), 17):
      result = torch.constant_pad_nd(rows, [0, 0, 0, torch.sub(32, torch.size(rows, 0))])
    else:
      result = rows
    return result

  def diagonal(self: __torch__.Decoder, i: int, x: Tensor, scale: Tensor) -> Tensor:
    rows = torch.size(x, 0)
    groups = torch.size(x, 1)
    pair = torch.contiguous(torch.transpose((self).halves(torch.to(x, 1), torch.size(x, -1), ), 0, 1))
    a = (self).diagonal_of(pair, )
    codes = (self.codes)[i]
    half = torch.size(codes, 1)
    outputs = torch.size(codes, 0)
    w = torch.empty([outputs, torch.mul(2, half)], dtype=1, layout=0, device=ops.prim.device(codes))
    _0 = torch.bitwise_and(codes, 15, out=torch.slice(w, 1, 0, half))
    _1 = torch.bitwise_right_shift(codes, 4, out=torch.slice(w, 1, half))
    d = torch._int_mm(a, torch.t(w))
    sums = torch.view(torch.slice(d, 0, 0, torch.mul(rows, groups)), [rows, groups, outputs])
    return (self).add_groups(i, 0, outputs, sums, torch.sum(x, [-1]), scale, )

  def product(self: __torch__.Decoder, i: int, x: Tensor, scale: Tensor, route: int) -> Tensor:
    if torch.eq(route, 0):
      y = (self).grouped(i, x, scale, )
    else:
      y = (self).diagonal(i, x, scale, )
    return y

  def linear(self: __torch__.Decoder, i: int, x: Tensor, scale: Tensor, route: int) -> Tensor:
    y = (self).product(i, x, scale, route, )
    bias = (self.biases)[i]
    if torch.eq(torch.size(bias, 0), 0):
      z = y
    else:
      z = torch.add_(torch.slice(y, 1, 0, torch.size(bias, 0)), bias)
    return z

  def embed(self: __torch__.Decoder, tokens: Tensor) -> Tensor:
    kind = (self).number(8, )
    hidden = (self).number(3, )
    if torch.eq(kind, 1):
      i = (self).number(10, )
      rows = torch.index_select((self.codes)[i], 0, tokens)
      s = torch.to(torch.t(torch.index_select((self.scales)[i], 1, tokens)), 6)
      m = torch.to(torch.t(torch.index_select((self.minimums)[i], 1, tokens)), 6)
      packed = torch.view(rows, [torch.size(rows, 0), -1, 4])
      q = torch.stack([torch.bitwise_and(packed, 15), torch.bitwise_right_shift(packed, 4)], 2)
      grouped = torch.reshape(q, [torch.size(rows, 0), torch.size(s, 1), -1])
      w = torch.add(torch.mul(grouped, torch.unsqueeze(s, -1)), torch.unsqueeze(m, -1))
      x = torch.reshape(w, [torch.size(rows, 0), -1])
    else:
      values = torch.to(torch.index_select((self.tables)[0], 0, tokens), 6)
      if torch.eq(kind, 0):
        x = torch.mul(values, torch.unsqueeze(torch.index_select((self.tables)[1], 0, tokens), -1))
      else:
        x = values
    return torch.contiguous(torch.slice(x, 1, 0, hidden))

  def int8_head(self: __torch__.Decoder, x: Tensor, scale: Tensor, route: int) -> Tensor:
    at = torch.sub(torch.len(self.tables), 2)
    table = (self.tables)[at]
    row_scales = (self.tables)[torch.add(at, 1)]
    groups = torch.size(x, 1)
    count = torch.mul(torch.size(x, 0), groups)
    tile = torch.mul((self).number(7, ), 4)
    results = annotate(List[Tensor], [])
    if torch.eq(route, 1):
      a = (self).diagonal_of(torch.unsqueeze(torch.to(x, 1), 1), )
    else:
      a = torch.contiguous(torch.transpose(x, 0, 1))
    for t in range(torch.floordiv(torch.sub(torch.add(torch.size(table, 0), tile), 1), tile)):
      start = torch.mul(t, tile)
      part = torch.slice(table, 0, start, torch.add(start, tile))
      n = torch.size(part, 0)
      if torch.eq(route, 1):
        more = torch.remainder(torch.neg(n), 8)
        if torch.eq(more, 0):
          w = part
        else:
          w = torch.constant_pad_nd(part, [0, 0, 0, more])
        d = torch._int_mm(a, torch.t(w))
        sums = torch.to(torch.slice(d, 0, 0, count), 6)
      else:
        w0 = torch.view(torch.to(part, 6), [n, groups, -1])
        d0 = torch.bmm(a, torch.permute(w0, [1, 2, 0]))
        sums = torch.reshape(torch.transpose(d0, 0, 1), [count, -1])
      y = torch.slice((self).chain(sums, torch.flatten(scale), (self).ramp(count, sums, ), groups, ), 1, 0, n)
      _0 = torch.append(results, torch.mul(y, torch.slice(row_scales, 0, start, torch.add(start, tile))))
    return torch.cat(results, 1)

  def float_head(self: __torch__.Decoder, x: Tensor) -> Tensor:
    table = (self.tables)[torch.sub(torch.len(self.tables), 2)]
    tile = torch.mul((self).number(7, ), 4)
    results = annotate(List[Tensor], [])
    for t in range(torch.floordiv(torch.sub(torch.add(torch.size(table, 0), tile), 1), tile)):
      start = torch.mul(t, tile)
      part = torch.to(torch.slice(table, 0, start, torch.add(start, tile)), 6)
      _0 = torch.append(results, torch.matmul(x, torch.t(part)))
    return torch.cat(results, 1)

  def head(self: __torch__.Decoder, x: Tensor, group: int, route: int, checks: List[Tensor]) -> Tensor:
    kind = (self).number(9, )
    if torch.lt(kind, 2):
      codes, scale, = (self).round_int8(x, group, )
      _0 = torch.append(checks, scale)
      if torch.eq(kind, 0):
        y = (self).int8_head(codes, scale, route, )
      else:
        y = (self).product(torch.sub(torch.len(self.codes), 1), codes, scale, route, )
    else:
      y = (self).float_head(x, )
    return torch.contiguous(torch.slice(y, 1, 0, (self).number(11, )))

  def rotate(self: __torch__.Decoder, x: Tensor, rotary: Tensor) -> Tensor:
    a, b, = torch.chunk(x, 2, -1)
    cos, sin, = torch.unbind(rotary)
    turned = torch.cat([torch.neg(b), a], -1)
    return torch.add(torch.mul(x, cos), torch.mul(turned, sin))

  def store(self: __torch__.Decoder, target: Tensor, scales: Tensor, slots: Tensor, x: Tensor) -> Tensor:
    flat = torch.flatten(target, 0, 1)
    if torch.eq((self).number(5, ), 1):
      clean = torch.nan_to_num(x, 0., 3.4028234663852886e+38, -3.4028234663852886e+38)
      scale = torch.clamp_min(torch.div(torch.amax(torch.abs(clean), [-1], True), 127.), 7.8886090522101181e-31)
      _0 = torch.index_copy_(torch.flatten(scales, 0, 1), 0, slots, scale)
      stored = torch.to(torch.round(torch.div(clean, scale)), 1)
    else:
      stored = torch.nan_to_num(torch.to(x, 5), 0., 65504., -65504.)
    return torch.index_copy_(flat, 0, slots, stored)

  def read(self: __torch__.Decoder, source: Tensor, scales: Tensor, table: Tensor, count: int) -> Tensor:
    found = torch.to(torch.index_select(source, 0, table), 6)
    if torch.eq((self).number(5, ), 1):
      x = torch.mul(found, torch.index_select(scales, 0, table))
    else:
      x = found
    size = torch.size(x)
    return torch.reshape(x, [count, -1, size[2], size[3]])

  def hidden_from(self: __torch__.Decoder, positions: Tensor, length: int, window: int) -> Tensor:
    at = torch.unsqueeze(positions, -1)
    keys = (self).ramp(length, positions, )
    later = torch.gt(keys, at)
    if torch.eq(window, 0):
      mask = later
    else:
      mask = torch.logical_or(later, torch.le(keys, torch.sub(at, window)))
    return torch.unsqueeze(torch.flatten(mask, 0, 1), 1)

  def key_rows(self: __torch__.Decoder, count: int, length: int, like: Tensor) -> Tensor:
    heads = (self).number(0, )
    kv_heads = (self).number(1, )
    dim = (self).number(2, )
    head = torch.floor_divide((self).ramp(heads, like, ), torch.floordiv(heads, kv_heads))
    sequence = torch.unsqueeze(torch.mul((self).ramp(count, like, ), kv_heads), -1)
    first = torch.reshape(torch.mul(torch.add(sequence, head), dim), [count, 1, heads, 1])
    rows = torch.add(first, (self).ramp(dim, like, ))
    return torch.reshape(torch.expand(rows, [count, length, heads, dim]), [-1])

  def value_rows(self: __torch__.Decoder, count: int, length: int, keys: int, padded: int, like: Tensor) -> Tensor:
    heads = (self).number(0, )
    kv_heads = (self).number(1, )
    head = torch.unsqueeze(torch.floor_divide((self).ramp(heads, like, ), torch.floordiv(heads, kv_heads)), -1)
    place = torch.mul(torch.clamp_max((self).ramp(padded, like, ), torch.sub(keys, 1)), kv_heads)
    sequence = torch.mul((self).ramp(count, like, ), torch.mul(keys, kv_heads))
    rows = torch.add(torch.view(sequence, [count, 1, 1, 1]), torch.add(head, place))
    return torch.reshape(torch.expand(rows, [count, length, heads, padded]), [-1])

  def sum_lanes(self: __torch__.Decoder, weights: Tensor) -> Tensor:
    steps = torch.floordiv(torch.size(weights, -1), 16)
    rows = torch.view(weights, [-1, 16])
    lanes = (self).chain(rows, None, (self).ramp(torch.size(rows, 0), weights, ), steps, )
    a = torch.add(torch.slice(lanes, 1, 0, 8), torch.slice(lanes, 1, 8))
    b = torch.add(torch.slice(a, 1, 0, 4), torch.slice(a, 1, 4))
    c = torch.add(torch.slice(b, 1, 0, 2), torch.slice(b, 1, 2))
    return torch.add(torch.slice(c, 1, 0, 1), torch.slice(c, 1, 1))

  def merge(self: __torch__.Decoder, maxima: Tensor, sums: Tensor, outputs: Tensor) -> Tensor:
    splits = torch.size(maxima, 1)
    both = torch.view(torch.cat([outputs, sums], 1), [-1, splits, torch.add(torch.size(outputs, 1), 1)])
    merged = torch.contiguous(torch.select(both, 1, 0))
    if torch.gt(splits, 1):
      running, _0, = torch.cummax(maxima, 1)
      lowest = -3.4028234663852886e+38
      now = torch.slice(running, 1, 1)
      before = (self).exp(torch.nan_to_num(torch.sub(torch.slice(running, 1, 0, -1), now), 0., 0., lowest), )
      here = torch.to((self).exp(torch.nan_to_num(torch.sub(torch.slice(maxima, 1, 1), now), 0., 0., lowest), ), 7)
      for i in range(torch.sub(splits, 1)):
        _1 = torch.mul_(merged, torch.slice(before, 1, i, torch.add(i, 1)))
        _2 = torch.addcmul_(merged, torch.select(both, 1, torch.add(i, 1)), torch.slice(here, 1, i, torch.add(i, 1)))
    width = torch.size(outputs, 1)
    return torch.div(torch.slice(merged, 1, 0, width), torch.slice(merged, 1, width))

  def attend(self: __torch__.Decoder, layer: int, q: Tensor, table: Tensor, count: int, mask: Tensor, key_rows: Tensor, value_rows: Tensor) -> Tensor:
    heads = (self).number(0, )
    dim = (self).number(2, )
    k = (self).read((self.keys)[layer], (self.key_scales)[layer], table, count, )
    v = (self).read((self.values)[layer], (self.value_scales)[layer], table, count, )
    keys = torch.size(k, 1)
    turned = torch.reshape(torch.permute(k, [0, 2, 3, 1]), [-1, keys])
    scores = (self).chain(turned, torch.flatten(q), key_rows, dim, )
    _0 = torch.mul_(scores, torch.div(1., torch.sqrt(dim)))
    _1 = torch.masked_fill_(torch.view(scores, [torch.size(q, 0), heads, keys]), mask, -inf)
    if torch.gt(keys, 256):
      whole = torch.constant_pad_nd(scores, [0, torch.remainder(torch.neg(keys), 256)], -inf)
      splits = torch.view(whole, [torch.size(scores, 0), -1, 256])
    else:
      splits = torch.unsqueeze(scores, 1)
    maxima = torch.amax(splits, [-1], True)
    weights = (self).exp(torch.sub(splits, torch.masked_fill(maxima, torch.eq(maxima, -inf), 0.)), )
    outputs = (self).chain(torch.reshape(v, [-1, dim]), torch.flatten(weights), value_rows, torch.size(weights, -1), )
    y = (self).merge(torch.squeeze(maxima, -1), (self).sum_lanes(weights, ), outputs, )
    return torch.view(y, [torch.size(q, 0), -1])

  def attention(self: __torch__.Decoder, layer: int, q: Tensor, tables: List[Tensor], masks: List[Tensor], rows: List[Tensor], sizes: List[int]) -> Tensor:
    results = annotate(List[Tensor], [])
    row = 0
    for g in range(torch.len(tables)):
      count = sizes[torch.mul(g, 2)]
      next = torch.add(row, torch.mul(count, sizes[torch.add(torch.mul(g, 2), 1)]))
      part = torch.slice(q, 0, row, next)
      key_rows = rows[torch.mul(g, 2)]
      value_rows = rows[torch.add(torch.mul(g, 2), 1)]
      _0 = torch.append(results, (self).attend(layer, part, tables[g], count, masks[g], key_rows, value_rows, ))
      row = next
    if torch.eq(torch.len(results), 1):
      y = results[0]
    else:
      y = torch.cat(results)
    return y

  def block(self: __torch__.Decoder, layer: int, x: Tensor, rotary: Tensor, slots: Tensor, tables: List[Tensor], masks: List[Tensor], rows: List[Tensor], sizes: List[int], route: int, checks: List[Tensor]) -> Tensor:
    heads = (self).number(0, )
    kv_heads = (self).number(1, )
    dim = (self).number(2, )
    hidden = (self).number(3, )
    first = torch.mul(layer, 4)
    norm = torch.mul(layer, 3)
    normed = (self).normalize(x, (self.norms)[norm], )
    a, a_scale, = (self).round_int8(normed, (self).number(12, ), )
    _0 = torch.append(checks, a_scale)
    all_heads = torch.add(heads, torch.mul(2, kv_heads))
    qkv = torch.slice((self).linear(first, a, a_scale, route, ), 1, 0, torch.mul(all_heads, dim))
    _1 = torch.append(checks, torch.sum(torch.slice(qkv, 1, torch.mul(heads, dim)), [-1], True))
    parts = torch.reshape(qkv, [torch.size(x, 0), all_heads, dim])
    qk = torch.slice(parts, 1, 0, torch.add(heads, kv_heads))
    head_norm = (self.norms)[torch.add(norm, 2)]
    if torch.eq(torch.dim(head_norm), 2):
      qk0 = (self).normalize(qk, head_norm, )
    else:
      qk0 = qk
    rotated = (self).rotate(qk0, rotary, )
    k = torch.slice(rotated, 1, heads)
    v = torch.slice(parts, 1, torch.add(heads, kv_heads))
    _2 = (self).store((self.keys)[layer], (self.key_scales)[layer], slots, k, )
    _3 = (self).store((self.values)[layer], (self.value_scales)[layer], slots, v, )
    q = torch.reshape(torch.slice(rotated, 1, 0, heads), [torch.size(x, 0), -1])
    attended = (self).attention(layer, q, tables, masks, rows, sizes, )
    b, b_scale, = (self).round_int8(attended, (self).number(13, ), )
    _4 = torch.append(checks, b_scale)
    x0 = torch.add(x, torch.slice((self).linear(torch.add(first, 1), b, b_scale, route, ), 1, 0, hidden))
    normed0 = (self).normalize(x0, (self.norms)[torch.add(norm, 1)], )
    c, c_scale, = (self).round_int8(normed0, (self).number(14, ), )
    _5 = torch.append(checks, c_scale)
    width = (self).number(16, )
    both = (self).linear(torch.add(first, 2), c, c_scale, route, )
    gate = torch.slice(both, 1, 0, width)
    up = torch.slice(both, 1, width, torch.mul(2, width))
    d, d_scale, = (self).round_int8(torch.mul(torch.div(gate, torch.add_((self).exp(torch.neg(gate), ), 1.)), up), (self).number(15, ), )
    _6 = torch.append(checks, d_scale)
    return torch.add(x0, torch.slice((self).linear(torch.add(first, 3), d, d_scale, route, ), 1, 0, hidden))

  def step(self: __torch__.Decoder, ints: Tensor, rotary: Tensor, sizes: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    rows = int(torch.select(sizes, 0, 0))
    wanted = int(torch.select(sizes, 0, 1))
    route = int(torch.select(sizes, 0, 2))
    parts = int(torch.select(sizes, 0, 3))
    windows = torch.slice(sizes, 0, torch.add(4, torch.mul(3, parts)))
    tokens = torch.slice(ints, 0, 0, rows)
    positions = torch.slice(ints, 0, rows, torch.mul(2, rows))
    slots = torch.slice(ints, 0, torch.mul(2, rows), torch.mul(3, rows))
    last = torch.slice(ints, 0, torch.mul(3, rows), torch.add(torch.mul(3, rows), wanted))
    tables = annotate(List[Tensor], [])
    shapes = annotate(List[int], [])
    masks = annotate(List[List[Tensor]], [])
    rows_of_tables = annotate(List[Tensor], [])
    at = torch.add(torch.mul(3, rows), wanted)
    for g in range(parts):
      count = int(torch.select(sizes, 0, torch.add(4, torch.mul(3, g))))
      length = int(torch.select(sizes, 0, torch.add(5, torch.mul(3, g))))
      blocks = int(torch.select(sizes, 0, torch.add(6, torch.mul(3, g))))
      end = torch.add(at, torch.mul(count, blocks))
      _0 = torch.append(tables, torch.slice(ints, 0, at, end))
      _1 = torch.append(shapes, count)
      _2 = torch.append(shapes, length)
      keys_here = torch.mul(blocks, 64)
      if torch.gt(keys_here, 256):
        padded = torch.mul(torch.floordiv(torch.add(keys_here, 255), 256), 256)
      else:
        padded = keys_here
      _5 = torch.append(rows_of_tables, (self).key_rows(count, length, ints, ))
      _6 = torch.append(rows_of_tables, (self).value_rows(count, length, keys_here, padded, ints, ))
      at = end
    for w in range(torch.size(windows, 0)):
      window = int(torch.select(windows, 0, w))
      row = 0
      of_window = annotate(List[Tensor], [])
      for g in range(parts):
        count0 = shapes[torch.mul(g, 2)]
        length0 = shapes[torch.add(torch.mul(g, 2), 1)]
        next = torch.add(row, torch.mul(count0, length0))
        places = torch.view(torch.slice(positions, 0, row, next), [count0, length0])
        keys = torch.mul(torch.floordiv(torch.size(tables[g], 0), count0), 64)
        _3 = torch.append(of_window, (self).hidden_from(places, keys, window, ))
        row = next
      _4 = torch.append(masks, of_window)
    checks = annotate(List[Tensor], [])
    cos_sin = torch.unsqueeze(torch.repeat(torch.view(rotary, [2, rows, -1]), [1, 1, 2]), 2)
    x = (self).embed(tokens, )
    for layer in range((self).number(4, )):
      masks_here = masks[(self).number(torch.add(19, layer), )]
      x = (self).block(layer, x, cos_sin, slots, tables, masks_here, rows_of_tables, shapes, route, checks, )
    checked = torch.cat(checks, 1)
    fine = torch.all(torch.isfinite(checked), 1)
    if torch.eq(wanted, 0):
      logits = torch.zeros([0, 1], dtype=6, layout=0, device=ops.prim.device(x))
    else:
      chosen = torch.index_select(x, 0, last)
      normed = (self).normalize(chosen, (self.norms)[torch.sub(torch.len(self.norms), 1)], )
      head_checks = annotate(List[Tensor], [])
      logits = (self).head(normed, (self).number(17, ), route, head_checks, )
    return (logits, torch.to(fine, 0), checked)
