/* A W4A8 decoder: a model's parameters, read in place, and a step (its design: decoder.c). */
#ifndef CALM_DECODER_H
#define CALM_DECODER_H

#include "calm.h"

enum { CALM_Q, CALM_K, CALM_V, CALM_O, CALM_GATE, CALM_UP, CALM_DOWN, CALM_LINEARS };
enum { CALM_ATTENTION_NORM, CALM_MLP_NORM, CALM_Q_NORM, CALM_K_NORM, CALM_NORMS };
enum { CALM_ATTENTION_IN, CALM_ATTENTION_OUT, CALM_MLP_IN, CALM_MLP_OUT, CALM_STAGES };

typedef struct {
  calm_linear linears[CALM_LINEARS];
  const float *norms[CALM_NORMS]; /* those of heads may be NULL */
  int32_t window;                 /* positions a row sees; 0: all before it */
} calm_block;

typedef enum { CALM_INT8, CALM_INT4, CALM_FLOAT16, CALM_FLOAT32 } calm_format;

/* A table [vocabulary, hidden]: embeddings or lm_head. */
typedef struct {
  calm_format format;
  calm_table8 int8;
  calm_linear int4;
  const void *values; /* float16 or float32, row by row */
} calm_table;

typedef struct {
  int32_t hidden, layers, heads, kv_heads, head_dim, intermediate, vocabulary;
  float epsilon;
  int32_t per_token; /* one scale per activation row instead of one per group */
  calm_kv_type kv;
} calm_shape;

typedef struct calm_decoder calm_decoder;

/* The inputs and outputs of a step. Rows of one sequence are adjacent, positions ascending. */
typedef struct {
  int32_t rows;
  const int32_t *tokens;    /* [rows] */
  const int32_t *positions; /* [rows] */
  const int32_t *sequences;     /* [rows] index of the list of KV blocks */
  const int32_t *logits;    /* [rows] row of the output, or -1 */
  const int32_t *kv_block_from; /* [sequences] first entry of its list in KV blocks */
  uint8_t *const *kv_blocks;    /* lists of KV blocks, one entry for 64 positions */
  const float *rotary;      /* [rows][2][head_dim / 2] cosines, then sines */
  float *output;            /* [wanted rows][vocabulary] */
  calm_partial *weights;    /* [wanted rows] the largest logit, the sum of e^(logit - largest) */
  uint8_t *failed;          /* [rows], zero: set for rows that are not finite */
} calm_step;

/* The place where a step failed. */
enum {
  CALM_OK = -1,
  CALM_UNREADABLE = -2,
  CALM_FAILED_HEAD = CALM_STAGES,
  CALM_FAILED_LOGITS,
  CALM_FAILED_KV,
};

/* The time of a step by kind of work, in nanoseconds summed over threads; wall is elapsed time. */
typedef struct {
  int64_t linear, attention, head, rows, wall;
} calm_times;

/* NULL if there is no memory. blocks: [layers], copied; linears and norms are read in place. */
calm_decoder *calm_decoder_create(const calm_kernels *kernels, const calm_shape *shape,
                                  const calm_block *blocks, const calm_table *embeddings,
                                  const calm_table *head, const float *final_norm, int threads);

/* Bytes of one KV block of all layers. */
size_t calm_decoder_kv_block_bytes(const calm_shape *shape);

/*
 * Returns CALM_OK, layer * 16 + the place of a failure (a stage, or CALM_FAILED_*), or
 * CALM_UNREADABLE if the file of a mapped parameter was cut short; the decoder can then only be
 * freed.
 */
int calm_decoder_step(calm_decoder *decoder, const calm_step *step, calm_times *times);

void calm_decoder_free(calm_decoder *decoder);

#endif
