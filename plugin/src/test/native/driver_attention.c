/* Checks storing keys and values, attention over one split, and merging of splits. */
#include "driver.h"

#include <math.h>
#include <string.h>

enum { KV_BLOCKS = CALM_SPLIT / CALM_KV_BLOCK, SLACK = 64 };

/* A split of one layer: the KV blocks that a variant writes, and their expected contents. */
typedef struct {
  calm_attention a;
  int stored;            /* positions */
  uint8_t *kv_blocks[KV_BLOCKS]; /* NULL where nothing is stored */
  float *keys, *values;  /* [kv heads][positions][head_dim] */
} split;

static const int COUNTS[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 40, CALM_MAX_QUERIES};
enum { KINDS_OF_COUNT = sizeof COUNTS / sizeof COUNTS[0] };

static float *position_of(const split *s, float *of_all, int head, int position) {
  return of_all + ((size_t)head * (size_t)s->stored + (size_t)position) * (size_t)s->a.head_dim;
}

/* The expected value of x after it has been stored and read. */
static void round_stored(const split *s, const float *x, float *target) {
  float scale = driver_scale(x, s->a.head_dim);
  for (int d = 0; d < s->a.head_dim; d++) {
    target[d] = s->a.kv == CALM_KV_INT8 ? driver_round_code(x[d], scale) * scale
                                        : driver_round_half(x[d]);
  }
}

/* Reads the stored element of a head's slot from its position in the KV block. */
static float element(const split *s, int values, int head, int position, int d) {
  const uint8_t *kv_block = s->kv_blocks[position / CALM_KV_BLOCK];
  size_t dim = (size_t)s->a.head_dim, slot = (size_t)(position % CALM_KV_BLOCK);
  size_t heads = (size_t)s->a.kv_heads, plane = (values ? heads : 0) + (size_t)head;
  size_t at = plane * dim * CALM_KV_BLOCK +
              (values ? slot * dim + (size_t)d : (size_t)d * CALM_KV_BLOCK + slot);
  if (s->a.kv == CALM_KV_FLOAT16) {
    uint16_t bits;
    memcpy(&bits, kv_block + 2 * at, sizeof bits);
    return driver_half_value(bits);
  }
  float scale;
  memcpy(&scale, kv_block + 2 * heads * dim * CALM_KV_BLOCK + 4 * (plane * CALM_KV_BLOCK + slot),
         sizeof scale);
  return (float)(int8_t)kv_block[at] * scale;
}

static void store(const calm_kernels *k, split *s, int position) {
  size_t dim = (size_t)s->a.head_dim;
  for (int head = 0; head < s->a.kv_heads; head++) {
    float *key = driver_numbers(dim), *value = driver_numbers(dim);
    if (driver_below(20) == 0) {
      value[driver_below((int)dim)] = 1e6f; /* beyond float16 */
      memset(key, 0, dim * sizeof(float));
    }
    float *stored_key = position_of(s, s->keys, head, position);
    float *stored_value = position_of(s, s->values, head, position);
    round_stored(s, key, stored_key);
    round_stored(s, value, stored_value);
    k->store_kv(&s->a, s->kv_blocks[position / CALM_KV_BLOCK], head, position % CALM_KV_BLOCK, key,
                value);
    float got_key[256], got_value[256];
    for (int d = 0; d < s->a.head_dim; d++) {
      got_key[d] = element(s, 0, head, position, d);
      got_value[d] = element(s, 1, head, position, d);
    }
    driver_same_floats("store_kv, key", stored_key, got_key, dim);
    driver_same_floats("store_kv, value", stored_value, got_value, dim);
    driver_release(2);
  }
}

/* Stores random keys and values; memory without stored positions is all NaN. */
static split roll_split(const calm_kernels *k, calm_attention a, int stored) {
  split s = {.a = a, .stored = stored};
  size_t bytes = calm_kv_layer_bytes(&a) + SLACK;
  size_t floats = (size_t)a.kv_heads * (size_t)stored * (size_t)a.head_dim;
  for (int kv_block = 0; kv_block * CALM_KV_BLOCK < stored; kv_block++) {
    s.kv_blocks[kv_block] = driver_aligned(bytes);
    memset(s.kv_blocks[kv_block], 0xff, bytes);
  }
  s.keys = driver_floats(floats);
  s.values = driver_floats(floats);
  for (int position = 0; position < stored; position++) {
    store(k, &s, position);
  }
  return s;
}

/* One query over positions from .. end; all zeros if there are none. */
static calm_partial expect(const split *s, int head, const float *query, int from, int end,
                           float *output) {
  int dim = s->a.head_dim;
  float scores[CALM_SPLIT], lanes[16] = {0}, max = -INFINITY;
  memset(output, 0, (size_t)dim * sizeof(float));
  if (from >= end) {
    return (calm_partial){-INFINITY, 0};
  }
  for (int p = from; p < end; p++) {
    const float *key = position_of(s, s->keys, head, p);
    float score = 0;
    for (int d = 0; d < dim; d++) {
      score = fmaf(query[d], key[d], score);
    }
    scores[p] = score * s->a.scale;
    max = fmaxf(max, scores[p]);
  }
  for (int p = from; p < end; p++) {
    const float *value = position_of(s, s->values, head, p);
    float weight = driver_exp(scores[p] - max);
    lanes[p % 16] += weight;
    for (int d = 0; d < dim; d++) {
      output[d] = fmaf(weight, value[d], output[d]);
    }
  }
  return (calm_partial){max, driver_sum_lanes(lanes)};
}

static void expect_merged(calm_partial *running, float *outputs, calm_partial split,
                          const float *addend, int dim) {
  if (split.sum == 0) {
    return;
  }
  float max = fmaxf(running->max, split.max);
  float before = driver_exp(running->max - max), here = driver_exp(split.max - max);
  float scaled = running->sum * before;
  *running = (calm_partial){max, fmaf(split.sum, here, scaled)};
  for (int d = 0; d < dim; d++) {
    float old = outputs[d] * before;
    outputs[d] = fmaf(addend[d], here, old);
  }
}

/* The visible positions of a chunk's queries: each sees one more than the last, or a window. */
static void roll_ranges(const split *s, int count, int shared, int32_t *from, int32_t *end) {
  int rows = (count + shared - 1) / shared;
  int window = driver_below(2) ? 0 : 1 + driver_below(100);
  int last = s->stored + (s->stored == CALM_SPLIT ? driver_below(40) : 0); /* in a later split */
  for (int q = 0; q < count; q++) {
    int after = last - (rows - 1 - q / shared);
    int first = window && after > window ? after - window : 0;
    end[q] = after < s->stored ? after : s->stored;
    from[q] = first;
  }
}

/*
 * Positions that a query does not see add zeros, which turn the -0 of an underflow into 0.
 * Rounding to int8 treats both as 0, and so does this comparison.
 */
static void drop_signs_of_zeros(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    x[i] += 0.0f;
  }
}

static void check_attend(const calm_kernels *k, const split *s, int count) {
  int kv_head = driver_below(s->a.kv_heads), shared = s->a.heads / s->a.kv_heads;
  int room = CALM_MAX_QUERIES / count, left = s->a.kv_heads - kv_head;
  int heads = 1 + driver_below(room < left ? room : left), queries = heads * count;
  size_t dim = (size_t)s->a.head_dim, all = (size_t)queries * dim;
  int32_t from[CALM_MAX_QUERIES], end[CALM_MAX_QUERIES];
  calm_partial expected[CALM_MAX_QUERIES], actual[CALM_MAX_QUERIES];
  roll_ranges(s, count, shared, from, end);
  driver_describe("%d queries of %d, heads %d to %d of %d, %d share one, int8 %d, %d stored, the"
                  " last sees %d to %d",
                  count, s->a.head_dim, kv_head, kv_head + heads, s->a.kv_heads, shared,
                  (int)s->a.kv, s->stored, (int)from[count - 1], (int)end[count - 1]);
  float *x = driver_numbers(all);
  float *outputs = driver_floats(all), *wanted = driver_floats(all);
  k->attend(&s->a, s->kv_blocks, kv_head, heads, x, count, from, end, actual, outputs,
            driver_aligned(calm_attend_scratch(s->a.head_dim)));
  drop_signs_of_zeros(outputs, all);
  float *running = driver_numbers(dim), *merged = driver_floats(dim);
  calm_partial left_sum = {driver_uniform() * 4, 1 + fabsf(driver_uniform())}, right_sum = left_sum;
  if (driver_below(2)) {
    left_sum = right_sum = (calm_partial){-INFINITY, 0};
    memset(running, 0, dim * sizeof(float));
  }
  memcpy(merged, running, dim * sizeof(float));
  for (int q = 0; q < queries; q++) {
    float *output = wanted + (size_t)q * dim;
    expected[q] = expect(s, kv_head + q / count, x + (size_t)q * dim, from[q % count],
                         end[q % count], output);
    drop_signs_of_zeros(output, dim);
    driver_same_floats("attend, largest score", &expected[q].max, &actual[q].max, 1);
    driver_same_floats("attend, sum of weights", &expected[q].sum, &actual[q].sum, 1);
    expect_merged(&left_sum, running, expected[q], output, s->a.head_dim);
    k->merge(&right_sum, merged, &actual[q], outputs + (size_t)q * dim, s->a.head_dim);
  }
  driver_same_floats("attend, outputs", wanted, outputs, all);
  driver_same_floats("merge, largest score", &left_sum.max, &right_sum.max, 1);
  driver_same_floats("merge, sum of weights", &left_sum.sum, &right_sum.sum, 1);
  driver_same_floats("merge, outputs", running, merged, dim);
}

void driver_attentions(const calm_kernels *k) {
  static const int DIMS[] = {8, 24, 64, 72, 128};
  for (int kv = 0; kv < 2; kv++) {
    int kv_heads = 1 + driver_below(3), shared = 1 + driver_below(4);
    int dim = DIMS[driver_below(5)];
    calm_attention a = {kv_heads * shared, kv_heads, dim, (float)(1 / sqrt((double)dim)),
                        kv ? CALM_KV_INT8 : CALM_KV_FLOAT16};
    int stored = driver_below(3) ? 1 + driver_below(CALM_SPLIT) : CALM_SPLIT;
    driver_describe("%d kv heads of %d, int8 %d, %d stored", kv_heads, dim, kv, stored);
    split s = roll_split(k, a, stored);
    check_attend(k, &s, COUNTS[driver_seed() % KINDS_OF_COUNT]);
    check_attend(k, &s, COUNTS[driver_below(KINDS_OF_COUNT)]);
  }
}
