/*
 * Shapes, layouts and the kernels of a W4A8 decoder step. Every kernel variant fills one table of
 * functions, calm_kernels; the kernels of a search have a table of their own (search.h). The step
 * that calls them is described in decoder/decoder.c. Layouts are those of
 * docs/reference/artifact-format.md; kernels read them in place, also from mapped files.
 *
 * Arithmetic is fixed (docs/reference/w4a8.md): a row's result has the same bits for every variant,
 * batch, division into chunks and number of threads. Therefore nothing here may be compiled with
 * contraction of a product and a sum (-ffp-contract=off); where they are fused, fma is written.
 */
#ifndef CALM_H
#define CALM_H

#include <stddef.h>
#include <stdint.h>

enum {
  CALM_TILE = 16,       /* outputs of a tile */
  CALM_KV_BLOCK = 64,   /* positions of a KV block */
  CALM_SPLIT = 256,     /* positions whose attention is computed separately, then merged */
  CALM_MAX_GROUP = 128, /* inputs of the largest group */
  CALM_LINEAR_ROWS = 128, /* rows of a piece of a linear, so that narrow ones divide evenly too */
};

/* A W4A8 weight [outputs, inputs]: s * q + m, with an optional bias. */
typedef struct {
  int32_t outputs, inputs, group, groups; /* groups: padded inputs / group */
  const uint32_t *codes;                  /* [tiles][groups * group / 8][16] words of 8 codes */
  const uint16_t *grids;                  /* float16 [tiles][groups][2][16]: scales, minimums */
  const float *bias;                      /* [outputs], or NULL */
} calm_linear;

/* An int8 table [outputs, inputs] with one scale per row. */
typedef struct {
  int32_t outputs, inputs, group, groups;
  const uint32_t *codes; /* [tiles][groups * group / 4][16] words of 4 codes */
  const float *scales;   /* [tiles * 16] */
} calm_table8;

/* Activations rounded to int8: one scale and one sum of codes per row and group. */
typedef struct {
  int32_t group, groups;
  size_t stride;  /* between rows of codes, calm_row_stride(groups * group) */
  int8_t *codes;  /* [rows][stride] */
  float *scales;  /* [rows][groups] */
  float *sums;    /* [rows][groups], exact integers */
} calm_rows;

/* One cache line more than a row: rows a power of two apart would share few cache sets. */
static inline size_t calm_row_stride(size_t padded_inputs) {
  return (padded_inputs + 127) / 64 * 64;
}

/* The rows from `row` on. */
static inline calm_rows calm_rows_from(const calm_rows *x, int row) {
  calm_rows rest = *x;
  rest.codes += (size_t)row * x->stride;
  rest.scales += (size_t)row * (size_t)x->groups;
  rest.sums += (size_t)row * (size_t)x->groups;
  return rest;
}

/* How keys and values are stored. */
typedef enum { CALM_KV_FLOAT16 = 0, CALM_KV_INT8 = 1 } calm_kv_type;

/* The shape of attention. */
typedef struct {
  int32_t heads, kv_heads, head_dim;
  float scale; /* of the scores */
  calm_kv_type kv;
} calm_attention;

/* The maximum score of a split and the sum of its weights; the outputs are stored apart. */
typedef struct {
  float max, sum;
} calm_partial;

/*
 * The step kernels of one variant. All functions are thread safe and write only their outputs.
 * Scratch of scratch_bytes, aligned to 64, belongs to the calling thread.
 */
typedef struct {
  const char *name;

  /* Bytes of scratch that multiply4 and multiply8 need for inputs of that width. */
  size_t (*scratch_bytes)(int32_t padded_inputs);

  /* Computes y[row * y_stride + n], n < outputs, for the tiles from (incl.) to (excl.). */
  void (*multiply4)(const calm_linear *w, const calm_rows *x, int rows, int from, int to, float *y,
                    size_t y_stride, void *scratch);
  void (*multiply8)(const calm_table8 *w, const calm_rows *x, int rows, int from, int to, float *y,
                    size_t y_stride, void *scratch);

  /*
   * Rounds the groups from (inclusive) to (exclusive) of a row of `inputs` inputs to row `row` of
   * the target. x is the first input of group `from`. With one scale per row, all groups at once.
   * Returns 0 if a value is not finite.
   */
  int (*quantize)(const float *x, int32_t inputs, int per_token, calm_rows *target, int row,
                  int from, int to);

  /* y = x / sqrt(mean(x^2) + epsilon) * weight; y may be x. */
  void (*rms_norm)(const float *x, const float *weight, float *y, int32_t width, float epsilon);

  /* Rotates the pairs (i, i + half) of one head in place. */
  void (*rotate)(float *head, const float *cosines, const float *sines, int32_t half);

  /* y[i] = gate[i] / (1 + e^-gate[i]) * up[i]. */
  void (*swiglu)(const float *gate, const float *up, float *y, int32_t width);

  void (*add)(float *target, const float *addend, int32_t width);

  /* 1 if every value is finite. */
  int (*finite)(const float *x, size_t count);

  /* The largest of x and the sum of e^(x - largest); 0 if a value is not finite. */
  int (*weigh)(const float *x, size_t count, calm_partial *result);

  /* Stores one position's key and value of one layer's head. */
  void (*store_kv)(const calm_attention *a, uint8_t *layer, int kv_head, int slot,
                   const float *key, const float *value);

  /* Prefetches the cache lines that store_kv will write. */
  void (*fetch_kv)(const calm_attention *a, const uint8_t *layer, int kv_head, int slot);

  /*
   * Attention over one split of the stored positions of `heads` key-value heads from kv_head on,
   * `count` queries for each, at most CALM_MAX_QUERIES together: queries [heads][count][head_dim].
   * Positions from[i] (inclusive) to end[i] (exclusive), counted from the split's first, are
   * visible to query i of every head; without any, the sum is 0. kv_blocks: the layer's parts of
   * the split's KV blocks. Writes partial [heads][count] and outputs [heads][count][head_dim],
   * weighted sums of values.
   */
  void (*attend)(const calm_attention *a, uint8_t *const *kv_blocks, int kv_head, int heads,
                 const float *queries, int count, const int32_t *from, const int32_t *end,
                 calm_partial *partial, float *outputs, void *scratch);

  /* Merges a split (of max and sum `split`, outputs `addend`) into a running result. */
  void (*merge)(calm_partial *running, float *outputs, const calm_partial *split,
                const float *addend, int32_t head_dim);

  /* y = x / divisor. */
  void (*divide)(const float *x, float divisor, float *y, int32_t width);

  /* Row `row` of a table as float32. */
  void (*read_row4)(const calm_linear *w, int row, float *target);
  void (*read_row8)(const calm_table8 *w, int row, float *target);
  void (*read_half)(const uint16_t *row, float *target, int32_t width);

  /* logits of tokens from (inclusive) to (exclusive): sums over k ascending, fused. */
  void (*multiply_half)(const uint16_t *table, const float *x, int32_t width, int rows, int from,
                        int to, float *y, size_t y_stride);
  void (*multiply_float)(const float *table, const float *x, int32_t width, int rows, int from,
                         int to, float *y, size_t y_stride);
} calm_kernels;

/* The maximum number of queries of one call of attend, and its scratch in bytes. */
enum { CALM_MAX_QUERIES = 128 };
size_t calm_attend_scratch(int32_t head_dim);

/* The bytes of a layer's part of a KV block. */
size_t calm_kv_layer_bytes(const calm_attention *a);

/* ---- kernels.c: the variants ---- */

/* The number of variants compiled in, the best last, and their names. */
int calm_variants(void);
const char *calm_variant_name(int variant);

/* NULL if the processor can run the variant, otherwise the reason why it cannot. */
const char *calm_variant_missing(int variant);

/* The step kernels of a variant. */
const calm_kernels *calm_variant_kernels(int variant);

#endif
