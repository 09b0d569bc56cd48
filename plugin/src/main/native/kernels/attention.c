/*
 * Causal attention over stored keys and values, one split of positions at a time (arXiv 2205.14135,
 * with fixed borders as arXiv 2311.01282 divides the keys). Compiled once for each width.
 *
 * A layer's part of a KV block, kv heads outermost: keys [head_dim][64], values [64][head_dim] as
 * float16; or both as int8, followed by float32 scales of keys [64] and of values [64].
 */
#include "lanes.h"
#include "vector.h"

#define INLINE static inline __attribute__((always_inline))

/*
 * Queries and vectors of a block, whose sums stay in registers, with float32 rows and with float16
 * rows. One or two queries use HALF_VECTORS with float32 rows too, for more independent sums.
 */
#if defined(__AVX512F__)
enum { QUERIES = 4, VECTORS = 4, HALF_QUERIES = 4, HALF_VECTORS = 4 };
#elif defined(__AVX2__)
enum { QUERIES = 6, VECTORS = 1, HALF_QUERIES = 2, HALF_VECTORS = 2 };
#else
enum { QUERIES = 2, VECTORS = 2, HALF_QUERIES = 2, HALF_VECTORS = 2 };
#endif

enum {
  MAX_QUERIES = 6, /* of a block of any kind */
  MAX_VECTORS = 4,
  FEW = 8, /* up to this many queries, float16 is widened at each use, not once in advance */
};

static size_t element_bytes(const calm_attention *a) { return a->kv == CALM_KV_INT8 ? 1 : 2; }

/* Bytes of the keys, or of the values, of all heads in a KV block of one layer. */
static size_t plane(const calm_attention *a) {
  return (size_t)a->kv_heads * (size_t)a->head_dim * CALM_KV_BLOCK * element_bytes(a);
}

/* Offset of a head within these bytes. */
static size_t head_plane(const calm_attention *a, int kv_head) {
  return (size_t)kv_head * (size_t)a->head_dim * CALM_KV_BLOCK * element_bytes(a);
}

/* The int8 scales of a head's keys, or of its values if `values`. */
static float *scales_of(const calm_attention *a, uint8_t *layer, int values, int kv_head) {
  return (float *)(layer + 2 * plane(a)) +
         (size_t)((values ? a->kv_heads : 0) + kv_head) * CALM_KV_BLOCK;
}

static int32_t padded(int32_t width) { return (width + 15) / 16 * 16; }

static float clamp_half(float x) { return x > 65504 ? 65504 : x < -65504 ? -65504 : x; }

/* Stores x as float16, `stride` elements apart; values beyond the range are clamped. */
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

/* Stores x as int8 codes, `stride` elements apart, and returns their scale. */
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
        store_codes(key, width, (int8_t *)keys + slot, CALM_KV_BLOCK);
    scales_of(a, layer, 1, kv_head)[slot] =
        store_codes(value, width, (int8_t *)values + (size_t)slot * (size_t)width, 1);
  } else {
    store_halves(key, width, (uint16_t *)keys + slot, CALM_KV_BLOCK);
    store_halves(value, width, (uint16_t *)values + (size_t)slot * (size_t)width, 1);
  }
}

/* A key touches one line per dimension. Stores alone would wait for these lines in turn. */
void CALM_NAME(fetch_kv)(const calm_attention *a, const uint8_t *layer, int kv_head, int slot) {
  size_t bytes = element_bytes(a), width = (size_t)a->head_dim * bytes;
  const uint8_t *keys = layer + head_plane(a, kv_head);
  const uint8_t *value = keys + plane(a) + (size_t)slot * width;
  for (int32_t d = 0; d < a->head_dim; d++) {
    __builtin_prefetch(keys + ((size_t)d * CALM_KV_BLOCK + (size_t)slot) * bytes, 1);
  }
  for (size_t at = 0; at < width; at += 64) {
    __builtin_prefetch(value + at, 1);
  }
}

INLINE lanes load(const void *b, const int half, size_t at) {
  return half ? lanes_load_half((const uint16_t *)b + at) : lanes_load((const float *)b + at);
}

/*
 * One operand of a product: `steps` rows of `stride` elements, of which the first `vectors` vectors
 * are used; float16 or float32.
 */
typedef struct {
  const void *rows;
  size_t stride;
  int half, steps, vectors;
} operand;

/* The rows that arrive while others are multiplied: two addresses, the first line and another. */
typedef struct {
  const char *near, *far;
  size_t stride;
  int rows;
} ahead;

/* The rows of `next` from one vector on, float16, of a block of so many vectors. */
INLINE ahead rows_ahead(const operand *next, int vector, int vectors) {
  const char *near = (const char *)next->rows + sizeof(uint16_t) * 16 * (size_t)vector;
  int two = vectors > 2 && vector + 2 < next->vectors;
  return (ahead){near, two ? near + 64 : near, sizeof(uint16_t) * next->stride, next->steps};
}

/* Adds row s of b to the sums of a block in registers. */
INLINE void add_row(const int queries, const int vectors, const int half, const float *x,
                    size_t x_stride, const void *rows, size_t at,
                    lanes sum[MAX_QUERIES][MAX_VECTORS]) {
  lanes row[MAX_VECTORS];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) {
    row[v] = load(rows, half, at + (size_t)(16 * v));
  }
#pragma GCC unroll 6
  for (int q = 0; q < queries; q++) {
    lanes weight = lanes_all(x[(size_t)q * x_stride]);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      sum[q][v] = lanes_fma(weight, row[v], sum[q][v]);
    }
  }
}

/*
 * c[q][n] (+)= sum over s ascending of x[q][s] * b[s][n], fused, for one block in registers. Starts
 * from 0 if `fresh`, otherwise from the values in c. The rows of `next` are prefetched.
 */
INLINE void block(const int queries, const int vectors, const int half, const int fresh,
                  const float *x, size_t x_stride, const operand *b, const operand *next,
                  int vector, float *c, size_t c_stride) {
  lanes sum[MAX_QUERIES][MAX_VECTORS];
#pragma GCC unroll 6
  for (int q = 0; q < queries; q++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      sum[q][v] = fresh ? lanes_all(0) : lanes_load(c + (size_t)q * c_stride + 16 * (vector + v));
    }
  }
  size_t at = 16 * (size_t)vector, stride = b->stride;
  const void *rows = b->rows;
  const float *end = x + b->steps;
  if (half) { /* float16 comes from memory */
    ahead a = rows_ahead(next, vector, vectors);
    const float *fetched = a.rows < b->steps ? x + a.rows : end;
    for (; x < fetched; x++, at += stride, a.near += a.stride, a.far += a.stride) {
      __builtin_prefetch(a.near);
      if (vectors > 2) {
        __builtin_prefetch(a.far);
      }
      add_row(queries, vectors, half, x, x_stride, rows, at, sum);
    }
  }
  for (; x < end; x++, at += stride) {
    add_row(queries, vectors, half, x, x_stride, rows, at, sum);
  }
#pragma GCC unroll 6
  for (int q = 0; q < queries; q++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      lanes_store(c + (size_t)q * c_stride + 16 * (vector + v), sum[q][v]);
    }
  }
}

/* The block above for all vectors of b, and a fixed number of queries. */
INLINE void queries_block(const int queries, const int half, const int fresh, const float *x,
                          size_t x_stride, const operand *b, const operand *next, float *c,
                          size_t c_stride) {
  const int vectors = half || queries <= 2 ? HALF_VECTORS : VECTORS;
  int v = 0;
  for (; v + vectors <= b->vectors; v += vectors) {
    block(queries, vectors, half, fresh, x, x_stride, b, next, v, c, c_stride);
  }
#if defined(__AVX512F__)
  if (v + 2 <= b->vectors) {
    block(queries, 2, half, fresh, x, x_stride, b, next, v, c, c_stride);
    v += 2;
  }
#endif
  for (; v < b->vectors; v++) {
    block(queries, 1, half, fresh, x, x_stride, b, next, v, c, c_stride);
  }
}

#define QUERIES_CASE(count)                                                 \
  case count:                                                               \
    if (count < most) {                                                     \
      queries_block(count, half, fresh, x, x_stride, b, next, c, c_stride); \
    }                                                                       \
    break

INLINE void accumulate_as(const int half, const int fresh, const float *x, size_t x_stride,
                          int queries, const operand *b, const operand *next, float *c,
                          size_t c_stride) {
  const int most = half ? HALF_QUERIES : QUERIES;
  for (; queries >= most; queries -= most) {
    queries_block(most, half, fresh, x, x_stride, b, next, c, c_stride);
    x += (size_t)most * x_stride;
    c += (size_t)most * c_stride;
  }
  switch (queries) {
    QUERIES_CASE(5);
    QUERIES_CASE(4);
    QUERIES_CASE(3);
    QUERIES_CASE(2);
    QUERIES_CASE(1);
    default:
      break;
  }
}

/* The product above for any number of queries. */
INLINE void accumulate(const int fresh, const float *x, size_t x_stride, int queries,
                       const operand *b, const operand *next, float *c, size_t c_stride) {
  if (b->half) {
    accumulate_as(1, fresh, x, x_stride, queries, b, next, c, c_stride);
  } else {
    accumulate_as(0, fresh, x, x_stride, queries, b, next, c, c_stride);
  }
}

/* Keys of a KV block as float32 [head_dim][64]. */
static void widen_keys(const calm_attention *a, uint8_t *layer, int kv_head, float *target) {
  const uint8_t *keys = layer + head_plane(a, kv_head);
  size_t count = (size_t)a->head_dim * CALM_KV_BLOCK;
  const float *scales = scales_of(a, layer, 0, kv_head);
  for (size_t i = 0; i < count; i += 16) {
    lanes wide = a->kv == CALM_KV_INT8
                     ? lanes_mul(lanes_load_int8((const int8_t *)keys + i),
                                 lanes_load(scales + i % CALM_KV_BLOCK))
                     : lanes_load_half((const uint16_t *)keys + i);
    lanes_store(target + i, wide);
  }
}

/* Values of `count` positions of a KV block as float32 [count][padded head_dim]. */
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

calm_partial CALM_NAME(softmax)(float *scores, int32_t from, int32_t end, int positions,
                                float scale) {
  if (from >= end) {
    memset(scores, 0, (size_t)positions * sizeof(float));
    return (calm_partial){-INFINITY, 0};
  }
  int first = from / 16 * 16, after = (end + 15) / 16 * 16;
  memset(scores, 0, (size_t)first * sizeof(float));
  memset(scores + after, 0, (size_t)(positions - after) * sizeof(float));
  for (int i = first; i < from; i++) {
    scores[i] = -INFINITY;
  }
  for (int i = end; i < after; i++) {
    scores[i] = -INFINITY;
  }
  lanes factor = lanes_all(scale), largest = lanes_all(-INFINITY), sum = lanes_all(0);
  for (int i = first; i < after; i += 16) {
    lanes score = lanes_mul(lanes_load(scores + i), factor);
    lanes_store(scores + i, score);
    largest = lanes_max(largest, score);
  }
  float max = lanes_largest(largest);
  /*
   * Hidden positions weigh e^-infinity, which is 0 unless the maximum is no number. Computing that
   * would take the processor hundreds of cycles, because the result underflows.
   */
  const lanes top = lanes_all(max), least = lanes_all(-0x1.fffffep127f);
  const lanes hidden = lanes_all(max > -INFINITY ? 0 : NAN);
  for (int i = first; i < after; i += 16) {
    lanes score = lanes_load(scores + i);
    lanes weight = lanes_exp(lanes_sub(lanes_less(score, least, top, score), top));
    weight = lanes_less(score, least, hidden, weight);
    lanes_store(scores + i, weight);
    sum = lanes_add(sum, weight); /* lanes outside the range add zeros */
  }
  return (calm_partial){max, lanes_sum(sum)};
}

/* The split that is being computed; heads are counted from kv_head. */
typedef struct {
  const calm_attention *a;
  uint8_t *const *kv_blocks;
  int kv_head, direct;
  int32_t last; /* position after the last that is seen */
  float *tile;  /* a KV block's keys or values, widened */
} visit;

static int filled(const visit *v, int kv_block) {
  int positions = v->last - kv_block * CALM_KV_BLOCK;
  return positions < CALM_KV_BLOCK ? positions : CALM_KV_BLOCK;
}

/* Keys as stored: [head_dim][64]; only the vectors with visible positions. */
static operand stored_keys(const visit *v, int kv_block, int head) {
  const void *rows = v->kv_blocks[kv_block] + head_plane(v->a, v->kv_head + head);
  return (operand){rows, CALM_KV_BLOCK, 1, v->a->head_dim, (filled(v, kv_block) + 15) / 16};
}

/* Values as stored: [positions that are seen][head_dim]. */
static operand stored_values(const visit *v, int kv_block, int head) {
  const void *rows = v->kv_blocks[kv_block] + plane(v->a) + head_plane(v->a, v->kv_head + head);
  int32_t width = v->a->head_dim;
  return (operand){rows, (size_t)width, 1, filled(v, kv_block), padded(width) / 16};
}

static operand keys_of(const visit *v, int kv_block, int head) {
  operand keys = stored_keys(v, kv_block, head);
  if (!v->direct) {
    widen_keys(v->a, v->kv_blocks[kv_block], v->kv_head + head, v->tile);
    keys.rows = v->tile;
    keys.half = 0;
  }
  return keys;
}

static operand values_of(const visit *v, int kv_block, int head) {
  operand values = stored_values(v, kv_block, head);
  if (!v->direct) {
    widen_values(v->a, v->kv_blocks[kv_block], v->kv_head + head, values.steps, v->tile);
    values = (operand){v->tile, (size_t)padded(v->a->head_dim), 0, values.steps, values.vectors};
  }
  return values;
}

/*
 * Attends to the KV blocks in turn, and within a block to one head after the other: the order of
 * their bytes in memory. With many heads, the reads are therefore one sequential stream.
 */
void CALM_NAME(attend)(const calm_attention *a, uint8_t *const *kv_blocks, int kv_head, int heads,
                       const float *queries, int count, const int32_t *from, const int32_t *end,
                       calm_partial *partial, float *outputs, void *scratch) {
  int32_t width = a->head_dim, wide = padded(width);
  float *scores = (float *)scratch + (size_t)wide * CALM_KV_BLOCK;
  float *sums = scores + (size_t)CALM_MAX_QUERIES * CALM_SPLIT;
  size_t head_scores = (size_t)count * CALM_SPLIT, head_sums = (size_t)count * (size_t)wide;
  int32_t first = CALM_SPLIT, last = 0;
  for (int q = 0; q < count; q++) {
    first = from[q] < end[q] && from[q] < first ? from[q] : first;
    last = from[q] < end[q] && end[q] > last ? end[q] : last;
  }
  int first_block = first / CALM_KV_BLOCK, last_block = (last + CALM_KV_BLOCK - 1) / CALM_KV_BLOCK;
  visit v = {a, kv_blocks, kv_head, a->kv == CALM_KV_FLOAT16 && count <= FEW, last, scratch};
  for (int kv_block = first_block; kv_block < last_block; kv_block++) {
    for (int head = 0; head < heads; head++) {
      operand keys = keys_of(&v, kv_block, head);
      operand next = head + 1 < heads            ? stored_keys(&v, kv_block, head + 1)
                     : kv_block + 1 < last_block ? stored_keys(&v, kv_block + 1, 0)
                                                 : stored_values(&v, first_block, 0);
      accumulate(1, queries + (size_t)(head * count) * (size_t)width, (size_t)width, count, &keys,
                 &next, scores + (size_t)head * head_scores + kv_block * CALM_KV_BLOCK, CALM_SPLIT);
    }
  }
  for (int q = 0; q < heads * count; q++) {
    float *row = scores + (size_t)q * CALM_SPLIT;
    partial[q] = CALM_NAME(softmax)(row, from[q % count], end[q % count],
                                    last_block * CALM_KV_BLOCK, a->scale);
  }
  memset(sums, 0, (size_t)heads * head_sums * sizeof(float));
  for (int kv_block = first_block; kv_block < last_block; kv_block++) {
    for (int head = 0; head < heads; head++) {
      operand values = values_of(&v, kv_block, head);
      operand next = head + 1 < heads            ? stored_values(&v, kv_block, head + 1)
                     : kv_block + 1 < last_block ? stored_values(&v, kv_block + 1, 0)
                                                 : (operand){.rows = values.rows, .steps = 0};
      accumulate(0, scores + (size_t)head * head_scores + kv_block * CALM_KV_BLOCK, CALM_SPLIT,
                 count, &values, &next, sums + (size_t)head * head_sums, (size_t)wide);
    }
  }
  for (int q = 0; q < heads * count; q++) {
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
