/*
 * A pass: the state of up to 256 rows of a step, shared by its phases in pass_*.c. The items of a
 * phase are divided among the threads of the pool; the division changes no bit. The design is
 * described in decoder.c.
 */
#ifndef CALM_PASS_H
#define CALM_PASS_H

#include "decoder.h"

#include <stddef.h>

enum {
  MAX_ROWS = 256,    /* maximum of a pass */
  HEAD_ROWS = 32,    /* maximum rows whose logits are computed together */
  ROWS_PER_ITEM = 4, /* of a phase that works row by row */
};

/* The ticks that a thread spent in items, on a cache line of its own. */
typedef struct {
  _Alignas(64) int64_t ticks;
} busy_time;

struct calm_decoder {
  const calm_kernels *kernels;
  calm_shape shape;
  calm_attention attention;
  calm_block *blocks;
  calm_table embeddings, head;
  const float *final_norm;
  int threads;
  size_t layer_bytes;

  void *memory; /* holds all buffers below */
  float *residual, *input, *outputs[CALM_LINEARS];
  calm_rows stages[CALM_STAGES], head_rows;
  float *head_input; /* [HEAD_ROWS][hidden] */
  calm_partial *partials;
  float *partial_outputs;
  int32_t max_partials;
  uint8_t *scratch;
  size_t scratch_bytes;
  busy_time *busy; /* [threads] times of the current phase; zero between phases */
};

/* Rows of one sequence that attend together. */
typedef struct {
  int32_t first, end;          /* rows of the pass */
  int32_t first_split, splits; /* splits that any of these rows sees */
  int32_t partial;             /* index of the first result of its splits */
  int32_t heads_each;          /* key-value heads per item of attention */
  int32_t item;                /* its first item */
} row_block;

/* The state of a pass, read by the items of its phases. */
typedef struct {
  calm_decoder *d;
  const calm_step *step;
  const calm_block *block;
  int layer, first, rows; /* of the step */
  int stage;
  const int *linears; /* linears of the current phase, ended by -1 */
  int items_of[3];    /* items per linear: ranges of tiles, times row_chunks */
  int row_chunks;
  int blocks;
  int decodes; /* every block is a single row of a different sequence */
  row_block row_blocks[MAX_ROWS];
  int head_first, head_count; /* rows whose logits are computed together */
  int32_t origin[MAX_ROWS];   /* index of each row at the beginning of the pass */
  int failures;               /* whether a row has failed */
  int kv_failures;            /* whether the keys or values of a row have failed */
  uint8_t *failed;            /* [rows of the pass], indexed by origin */
  calm_times *times;
} pass;

/* The linears of a stage, ended by -1. */
extern const int calm_stage_linears[CALM_STAGES][4];

int32_t calm_pass_outputs(const calm_shape *s, int linear);
int32_t calm_pass_inputs(const calm_shape *s, int stage);

static inline int tiles_of(int32_t outputs) { return (outputs + CALM_TILE - 1) / CALM_TILE; }

static inline float *row_of(float *rows, int row, int32_t width) {
  return rows + (size_t)row * (size_t)width;
}

/* ---- phases ---- */

typedef void (*phase_task)(pass *p, int item, int worker);

/* Runs a phase and adds its threads' time to the field `kind` of the step's times. */
void calm_pass_run(pass *p, phase_task task, int items, size_t kind);

#define KIND(name) offsetof(calm_times, name)

/* Scratch of a thread, d->scratch_bytes. */
static inline void *calm_pass_scratch(const calm_decoder *d, int worker) {
  return d->scratch + (size_t)worker * d->scratch_bytes;
}

static inline int row_items(int rows) { return (rows + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM; }

static inline int row_end(int item, int rows) {
  int end = (item + 1) * ROWS_PER_ITEM;
  return end < rows ? end : rows;
}

#define FOR_ROWS(row, item, rows) \
  for (int row = (item)*ROWS_PER_ITEM; row < row_end(item, rows); row++)

void calm_pass_fail_row(pass *p, int row);

/* Rounds a row of a stage's inputs; a row that is not finite fails. */
void calm_pass_round_row(pass *p, int stage, int row, const float *input);

/* Adds a row of a linear's outputs to the residual. */
void calm_pass_add_output(pass *p, int linear, int row);

/* Row by row: embeddings; norms and rounding before q, k and v, and before gate and up; SwiGLU. */
void calm_pass_embed(pass *p);
void calm_pass_attention_in(pass *p);
void calm_pass_mlp_in(pass *p);
void calm_pass_mlp_out(pass *p);

/* ---- linears ---- */

int calm_pass_linear_items(const calm_decoder *d, int tiles);

/* The first tile of part `item` of `items`; parts are made of pairs of tiles as far as possible. */
int calm_pass_tile_border(int tiles, int item, int items);

/* The products of a stage of the block. */
void calm_pass_multiply(pass *p, int stage);

/* Gate and up, then SwiGLU and rounding for the next linear. */
void calm_pass_multiply_gated(pass *p);

/* ---- attention ---- */

/* Finds the rows of the pass that attend together. */
void calm_pass_find_blocks(pass *p);

/* From queries, keys and values to the rounded inputs of the next linear. */
void calm_pass_attend(pass *p);

/* ---- head ---- */

/* Logits of the remaining rows. Returns CALM_OK or the place of the failure. */
int calm_pass_head(pass *p);

#endif
