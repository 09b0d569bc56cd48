class Calm(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def forward(self: __torch__.Calm, x: Tensor) -> Tensor:
    return x

  def rms_norm(self: __torch__.Calm, x: Tensor, weight: Tensor, eps: Tensor) -> Tensor:
    scale = torch.rsqrt(torch.add(torch.mean(torch.mul(x, x), [-1], True), eps))
    return torch.mul(torch.mul(x, scale), weight)

  def linear(self: __torch__.Calm, x: Tensor, weight: Tensor) -> Tensor:
    return torch.matmul(x, torch.t(weight))

  def linear_bias(self: __torch__.Calm, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.add(torch.matmul(x, torch.t(weight)), bias)

  def linear_bf16(self: __torch__.Calm, x: Tensor, weight: Tensor) -> Tensor:
    return torch.to(torch.linear(torch.to(x, 15), torch.to(weight, 15)), 6)

  def linear_times(self: __torch__.Calm, x: Tensor, weight: Tensor, times: Tensor) -> Tensor:
    w = torch.t(weight)
    y = torch.matmul(x, w)
    for _0 in range(torch.sub(torch.size(times, 0), 1)):
      y = torch.matmul(x, w)
    return torch.to(torch.clone(torch.select(y, 0, 0)), 6)

  def linear_bf16_times(self: __torch__.Calm, x: Tensor, weight: Tensor, times: Tensor) -> Tensor:
    return (self).linear_times(torch.to(x, 15), torch.to(weight, 15), times, )

  def add(self: __torch__.Calm, x: Tensor, y: Tensor) -> Tensor:
    return torch.add(x, y)

  def swiglu(self: __torch__.Calm, gate: Tensor, up: Tensor) -> Tensor:
    return torch.mul(torch.silu(gate), up)

  def heads(self: __torch__.Calm, x: Tensor, dim: int) -> Tensor:
    return torch.transpose(torch.view(x, [torch.size(x, 0), torch.size(x, 1), -1, dim]), 1, 2)

  def rotate(self: __torch__.Calm, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b, = torch.chunk(x, 2, -1)
    turned = torch.cat([torch.neg(b), a], -1)
    return torch.add(torch.mul(x, cos), torch.mul(turned, sin))

  def stored(self: __torch__.Calm, x: Tensor, as_half: Tensor) -> Tensor:
    if torch.eq(torch.size(as_half, 0), 1):
      y = torch.to(torch.to(torch.clamp(x, -65504., 65504.), 5), 6)
    else:
      y = x
    return y

  def attend(self: __torch__.Calm, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    n = torch.floordiv(torch.size(q, 1), torch.size(k, 1))
    keys = torch.repeat_interleave(k, n, 1)
    values = torch.repeat_interleave(v, n, 1)
    y = torch.scaled_dot_product_attention(q, keys, values, mask)
    return torch.reshape(torch.transpose(y, 1, 2), [torch.size(q, 0), torch.size(q, 2), -1])

  def attention(self: __torch__.Calm, q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, as_half: Tensor) -> Tensor:
    dim = torch.size(cos, 1)
    qr = (self).rotate((self).heads(q, dim, ), cos, sin, )
    kr = (self).rotate((self).heads(k, dim, ), cos, sin, )
    return (self).attend(qr, (self).stored(kr, as_half, ), (self).stored((self).heads(v, dim, ), as_half, ), mask, )

  def attention_head_norms(self: __torch__.Calm, q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, as_half: Tensor, q_norm: Tensor, k_norm: Tensor, eps: Tensor) -> Tensor:
    dim = torch.size(cos, 1)
    qn = (self).rms_norm((self).heads(q, dim, ), q_norm, eps, )
    kn = (self).rms_norm((self).heads(k, dim, ), k_norm, eps, )
    qr = (self).rotate(qn, cos, sin, )
    kr = (self).rotate(kn, cos, sin, )
    return (self).attend(qr, (self).stored(kr, as_half, ), (self).stored((self).heads(v, dim, ), as_half, ), mask, )

  def round_int8(self: __torch__.Calm, x: Tensor, shape: Tensor) -> Tensor:
    group = torch.size(shape, 0)
    width = torch.size(x, -1)
    padded = torch.constant_pad_nd(x, [0, torch.remainder(torch.neg(width), group)])
    parts = torch.view(padded, [-1, torch.floordiv(torch.size(padded, -1), group), group])
    peak = torch.amax(torch.abs(parts), [-1], True)
    scale = torch.where(torch.lt(peak, 7.8886090522101181e-31), torch.zeros_like(peak), torch.div(peak, 127.))
    codes = torch.clamp(torch.round(torch.div(parts, scale)), -127., 127.)
    codes0 = torch.where(torch.eq(scale, 0.), torch.zeros_like(codes), codes)
    rounded = torch.reshape(torch.mul(codes0, scale), torch.size(padded))
    return torch.reshape(torch.contiguous(torch.slice(rounded, -1, 0, width)), torch.size(x))

  def round_int8_token(self: __torch__.Calm, x: Tensor) -> Tensor:
    peak = torch.amax(torch.abs(x), [-1], True)
    scale = torch.where(torch.lt(peak, 7.8886090522101181e-31), torch.zeros_like(peak), torch.div(peak, 127.))
    codes = torch.clamp(torch.round(torch.div(x, scale)), -127., 127.)
    return torch.mul(torch.where(torch.eq(scale, 0.), torch.zeros_like(codes), codes), scale)

  def divide(self: __torch__.Calm, x: Tensor, scales: Tensor) -> Tensor:
    return torch.div(x, scales)

  def column_statistics(self: __torch__.Calm, x: Tensor) -> Tensor:
    rows = torch.reshape(x, [-1, torch.size(x, -1)])
    size = torch.abs(rows)
    return torch.stack([torch.mean(size, [0]), torch.amax(size, [0]), torch.mean(torch.mul(rows, rows), [0])])

  def add_gram(self: __torch__.Calm, c: Tensor, x: Tensor) -> Tensor:
    rows = torch.reshape(x, [-1, torch.size(x, -1)])
    return torch.addmm_(c, torch.t(rows), rows, beta=1, alpha=1)

  def add_cross(self: __torch__.Calm, c: Tensor, x: Tensor, y: Tensor) -> Tensor:
    left = torch.reshape(x, [-1, torch.size(x, -1)])
    right = torch.reshape(y, [-1, torch.size(y, -1)])
    return torch.addmm_(c, torch.t(left), right, beta=1, alpha=1)

  def add_product(self: __torch__.Calm, c: Tensor, a: Tensor, b: Tensor, alpha: Tensor) -> Tensor:
    return torch.addmm_(c, a, b, beta=1, alpha=float(alpha))

  def cholesky(self: __torch__.Calm, h: Tensor) -> Tuple[Tensor, Tensor]:
    lower, info, = torch.linalg_cholesky_ex(h)
    return (lower, info)

  def inverse_factor(self: __torch__.Calm, lower: Tensor) -> Tuple[Tensor, Tensor]:
    inverse = torch.cholesky_inverse(lower, False, out=lower)
    info = torch.to(torch.new_zeros(lower, [0]), 3)
    factor, _1, = torch.linalg_cholesky_ex(inverse, L=inverse, info=info)
    return (torch.contiguous(torch.t(factor)), info)
