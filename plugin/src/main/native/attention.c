/*
 * Causal attention over stored keys and values, one split of positions at a time (arXiv 2205.14135,
 * with fixed borders as arXiv 2311.01282 divides the keys). Compiled once for each width.
 *
 * A layer's part of a page, kv heads outermost: keys [head_dim][64], values [64][head_dim] as
 * float16; or both as int8, followed by float32 scales of keys [64] and of values [64].
 */
#include "lanes.h"
#include "vector.h"

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
enum { QUERIES = 4, VECTORS = 4 };
#else
enum { QUERIES = 2, VECTORS = 2 };
#endif

/* Up to so many queries, float16 is widened where it is used rather than once for all. */
enum { FEW = 8 };

static size_t element_bytes(const calm_attention *a) { return a->kv == CALM_KV_INT8 ? 1 : 2; }

static size_t plane(const calm_attention *a) {
  return (size_t)a->kv_heads * (size_t)a->head_dim * CALM_PAGE * element_bytes(a);
}

static size_t head_plane(const calm_attention *a, int kv_head) {
  return (size_t)kv_head * (size_t)a->head_dim * CALM_PAGE * element_bytes(a);
}

static float *scales_of(const calm_attention *a, uint8_t *layer, int values, int kv_head) {
  return (float *)(layer + 2 * plane(a)) +
         (size_t)((values ? a->kv_heads : 0) + kv_head) * CALM_PAGE;
}

static int32_t padded(int32_t width) { return (width + 15) / 16 * 16; }

static float clamp_half(float x) { return x > 65504 ? 65504 : x < -65504 ? -65504 : x; }

static void store_halves(const float *x, int32_t width, uint16_t *target, size_t stride) {
  for (int32_t i = 0; i < width; i += 16) {
    int count = width - i < 16 ? width - i : 16;
    float part[16] = {0};
    uint16_t halves[16];
    for (int k = 0; k < count; k++) {
      part[k] = clamp_half(x[i + k]);
    }
    lanes_store_half(halves, lanes_load(part));
    for (int k = 0; k < count; k++) {
      target[(size_t)(i + k) * stride] = halves[k];
    }
  }
}

static float store_codes(const float *x, int32_t width, int8_t *target, size_t stride) {
  float max = 0;
  for (int32_t i = 0; i < width; i++) {
    max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
  }
  float scale = max < 0x1p-100f ? 0 : max / 127;
  for (int32_t i = 0; i < width; i++) {
    float code = scale == 0 ? 0 : (x[i] / scale + 0x1.8p23f) - 0x1.8p23f;
    target[(size_t)i * stride] = (int8_t)(code < -127 ? -127 : code > 127 ? 127 : code);
  }
  return scale;
}

void CALM_NAME(store_kv)(const calm_attention *a, uint8_t *layer, int kv_head, int slot,
                         const float *key, const float *value) {
  int32_t width = a->head_dim;
  uint8_t *keys = layer + head_plane(a, kv_head), *values = keys + plane(a);
  if (a->kv == CALM_KV_INT8) {
    scales_of(a, layer, 0, kv_head)[slot] =
        store_codes(key, width, (int8_t *)keys + slot, CALM_PAGE);
    scales_of(a, layer, 1, kv_head)[slot] =
        store_codes(value, width, (int8_t *)values + (size_t)slot * (size_t)width, 1);
  } else {
    store_halves(key, width, (uint16_t *)keys + slot, CALM_PAGE);
    store_halves(value, width, (uint16_t *)values + (size_t)slot * (size_t)width, 1);
  }
}

INLINE lanes load(const void *b, const int half, size_t at) {
  return half ? lanes_load_half((const uint16_t *)b + at) : lanes_load((const float *)b + at);
}

/* c[q][n] += sum over s ascending of x[q][s] * b[s][n], fused, for one block in registers. */
INLINE void block(const int queries, const int vectors, const int half, const float *x,
                  size_t x_stride, const void *b, size_t b_stride, int steps, float *c,
                  size_t c_stride) {
  lanes sum[QUERIES][VECTORS];
#pragma GCC unroll 4
  for (int q = 0; q < queries; q++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      sum[q][v] = lanes_load(c + (size_t)q * c_stride + 16 * v);
    }
  }
  for (int s = 0; s < steps; s++) {
    lanes row[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      row[v] = load(b, half, (size_t)s * b_stride + (size_t)(16 * v));
    }
#pragma GCC unroll 4
    for (int q = 0; q < queries; q++) {
      lanes weight = lanes_all(x[(size_t)q * x_stride + (size_t)s]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) {
        sum[q][v] = lanes_fma(weight, row[v], sum[q][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int q = 0; q < queries; q++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      lanes_store(c + (size_t)q * c_stride + 16 * v, sum[q][v]);
    }
  }
}

INLINE void queries_block(const int queries, const int half, const float *x, size_t x_stride,
                          const void *b, size_t b_stride, int steps, int vectors, float *c,
                          size_t c_stride) {
  size_t size = half ? sizeof(uint16_t) : sizeof(float);
  int v = 0;
  for (; v + VECTORS <= vectors; v += VECTORS) {
    block(queries, VECTORS, half, x, x_stride, (const char *)b + (size_t)(16 * v) * size, b_stride,
          steps, c + 16 * v, c_stride);
  }
  for (; v < vectors; v++) {
    block(queries, 1, half, x, x_stride, (const char *)b + (size_t)(16 * v) * size, b_stride, steps,
          c + 16 * v, c_stride);
  }
}

INLINE void accumulate_as(const int half, const float *x, size_t x_stride, int queries,
                          const void *b, size_t b_stride, int steps, int vectors, float *c,
                          size_t c_stride) {
  int q = 0;
  for (; q + QUERIES <= queries; q += QUERIES) {
    queries_block(QUERIES, half, x + (size_t)q * x_stride, x_stride, b, b_stride, steps, vectors,
                  c + (size_t)q * c_stride, c_stride);
  }
  x += (size_t)q * x_stride;
  c += (size_t)q * c_stride;
  switch (queries - q) {
#if defined(__AVX512F__)
    case 3:
      queries_block(3, half, x, x_stride, b, b_stride, steps, vectors, c, c_stride);
      break;
    case 2:
      queries_block(2, half, x, x_stride, b, b_stride, steps, vectors, c, c_stride);
      break;
#endif
    case 1:
      queries_block(1, half, x, x_stride, b, b_stride, steps, vectors, c, c_stride);
      break;
    default:
      break;
  }
}

static void accumulate(int half, const float *x, size_t x_stride, int queries, const void *b,
                       size_t b_stride, int steps, int vectors, float *c, size_t c_stride) {
  if (half) {
    accumulate_as(1, x, x_stride, queries, b, b_stride, steps, vectors, c, c_stride);
  } else {
    accumulate_as(0, x, x_stride, queries, b, b_stride, steps, vectors, c, c_stride);
  }
}

/* Keys of a page as float32 [head_dim][64]. */
static void widen_keys(const calm_attention *a, uint8_t *layer, int kv_head, float *target) {
  const uint8_t *keys = layer + head_plane(a, kv_head);
  size_t count = (size_t)a->head_dim * CALM_PAGE;
  const float *scales = scales_of(a, layer, 0, kv_head);
  for (size_t i = 0; i < count; i += 16) {
    lanes wide = a->kv == CALM_KV_INT8
                     ? lanes_mul(lanes_load_int8((const int8_t *)keys + i),
                                 lanes_load(scales + i % CALM_PAGE))
                     : lanes_load_half((const uint16_t *)keys + i);
    lanes_store(target + i, wide);
  }
}

/* Values of `count` positions of a page as float32 [count][padded head_dim]. */
static void widen_values(const calm_attention *a, uint8_t *layer, int kv_head, int count,
                         float *target) {
  const uint8_t *values = layer + plane(a) + head_plane(a, kv_head);
  const float *scales = scales_of(a, layer, 1, kv_head);
  int32_t width = padded(a->head_dim);
  for (int p = 0; p < count; p++) {
    size_t row = (size_t)p * (size_t)a->head_dim;
    for (int32_t d = 0; d < width; d += 16) {
      size_t at = row + (size_t)d;
      lanes wide = a->kv == CALM_KV_INT8 ? lanes_mul(lanes_load_int8((const int8_t *)values + at),
                                                     lanes_all(scales[p]))
                                         : lanes_load_half((const uint16_t *)values + at);
      lanes_store(target + (size_t)p * (size_t)width + d, wide);
    }
  }
}

/* Turns scores [256] into weights, zero outside from .. end. */
static calm_partial softmax(float *scores, int32_t from, int32_t end, int positions, float scale) {
  if (from >= end) {
    memset(scores, 0, (size_t)positions * sizeof(float));
    return (calm_partial){-INFINITY, 0};
  }
  for (int32_t i = 0; i < from; i++) {
    scores[i] = -INFINITY;
  }
  for (int32_t i = end; i < positions; i++) {
    scores[i] = -INFINITY;
  }
  lanes factor = lanes_all(scale), largest = lanes_all(-INFINITY), sum = lanes_all(0);
  for (int i = 0; i < positions; i += 16) {
    lanes score = lanes_mul(lanes_load(scores + i), factor);
    lanes_store(scores + i, score);
    largest = lanes_max(largest, score);
  }
  float max = lanes_largest(largest);
  for (int i = 0; i < positions; i += 16) {
    lanes weight = lanes_exp(lanes_sub(lanes_load(scores + i), lanes_all(max)));
    lanes_store(scores + i, weight);
    sum = lanes_add(sum, weight);
  }
  return (calm_partial){max, lanes_sum(sum)};
}

void CALM_NAME(attend)(const calm_attention *a, uint8_t *const *pages, int kv_head,
                       const float *queries, int count, const int32_t *from, const int32_t *end,
                       calm_partial *partial, float *outputs, void *scratch) {
  int32_t width = a->head_dim, wide = padded(width);
  float *tile = scratch;
  float *scores = tile + (size_t)wide * CALM_PAGE;
  float *sums = scores + (size_t)CALM_MAX_QUERIES * CALM_SPLIT;
  int32_t first = CALM_SPLIT, last = 0;
  for (int q = 0; q < count; q++) {
    first = from[q] < end[q] && from[q] < first ? from[q] : first;
    last = from[q] < end[q] && end[q] > last ? end[q] : last;
  }
  int first_page = first / CALM_PAGE, last_page = (last + CALM_PAGE - 1) / CALM_PAGE;
  int positions = last_page * CALM_PAGE;
  int direct = a->kv == CALM_KV_FLOAT16 && count <= FEW;
  memset(sums, 0, (size_t)count * (size_t)wide * sizeof(float));
  for (int q = 0; q < count; q++) {
    memset(scores + (size_t)q * CALM_SPLIT, 0, (size_t)positions * sizeof(float));
  }
  for (int page = first_page; page < last_page; page++) {
    const void *keys = pages[page] + head_plane(a, kv_head);
    if (!direct) {
      widen_keys(a, pages[page], kv_head, tile);
      keys = tile;
    }
    accumulate(direct, queries, (size_t)width, count, keys, CALM_PAGE, width, CALM_PAGE / 16,
               scores + page * CALM_PAGE, CALM_SPLIT);
  }
  for (int q = 0; q < count; q++) {
    partial[q] = softmax(scores + (size_t)q * CALM_SPLIT, from[q], end[q], positions, a->scale);
  }
  for (int page = first_page; page < last_page; page++) {
    int filled = last - page * CALM_PAGE < CALM_PAGE ? last - page * CALM_PAGE : CALM_PAGE;
    const void *values = pages[page] + plane(a) + head_plane(a, kv_head);
    if (!direct) {
      widen_values(a, pages[page], kv_head, filled, tile);
      values = tile;
    }
    accumulate(direct, scores + page * CALM_PAGE, CALM_SPLIT, count, values,
               (size_t)(direct ? width : wide), filled, wide / 16, sums, (size_t)wide);
  }
  for (int q = 0; q < count; q++) {
    memcpy(outputs + (size_t)q * (size_t)width, sums + (size_t)q * (size_t)wide,
           (size_t)width * sizeof(float));
  }
}

void CALM_NAME(merge)(calm_partial *running, float *outputs, const calm_partial *split,
                      const float *addend, int32_t head_dim) {
  if (split->sum == 0) {
    return; /* the query sees nothing of the split */
  }
  float max = running->max > split->max ? running->max : split->max;
  float factors[16];
  float differences[16] = {running->max - max, split->max - max};
  lanes_store(factors, lanes_exp(lanes_load(differences)));
  running->max = max;
  running->sum = fmaf(split->sum, factors[1], running->sum * factors[0]);
  for (int32_t d = 0; d < head_dim; d++) {
    outputs[d] = fmaf(addend[d], factors[1], outputs[d] * factors[0]);
  }
}
