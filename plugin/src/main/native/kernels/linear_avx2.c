/*
 * AVX2, and AVX-VNNI where CALM_VNNI is defined: products with int4 weights.
 *
 * A block is three to six rows, or fewer if there are no more, by the 16 outputs of a tile: two
 * accumulators a row. Every operand of codes is used for all rows of the block, every broadcast
 * activation for both halves of the tile.
 *
 * Without VNNI, products of bytes are added in pairs to int16 (vpmaddubsw). A pair of 4-bit codes
 * is at most 2 * 15 * 127, so the eight pairs of 32 inputs, at most 30480, fit int16; then they are
 * widened to int32. The sums are exact, so their order is free. The float operations at the end of
 * a group are those of every variant, in the order of the groups.
 *
 * One block's rows pass over whole tiles. With more rows, all blocks pass over a slice of a tile
 * while it is in the L1 cache. Up to PACKED_ROWS rows use the packed words, which are unpacked in
 * registers for each block; for more, the first block stores what it unpacks for the others.
 */
#include "avx2.h"

enum {
  BLOCK_ROWS = 6,                 /* maximum rows of a block of any kind */
  PACKED_BLOCK = 5,               /* maximum rows of a block with packed words */
  PACKED_ROWS = NARROW ? 5 : 10,  /* maximum rows that use packed words */
  SLICE = 512,                    /* inputs of a slice; a multiple of every size of group */
  LINE = 64,                      /* bytes of a row of a tile: 8 inputs of 16 outputs */
  GRIDS_AHEAD = 256,              /* bytes ahead in a stream of grids */
};

/* A slice of a tile, unpacked, and the running sums of the rows. */
typedef struct {
  uint8_t codes[SLICE / 8][2][LINE];         /* for 8 inputs: inputs 0 .. 3, then 4 .. 7 */
  float grids[SLICE / 32][2][CALM_TILE];     /* for each group: scales, minimums */
  float sums[CALM_LINEAR_ROWS][CALM_TILE];
} slice;

/* The form of the weights that a block reads. */
typedef enum {
  PACKED,    /* packed words and float16 grids */
  UNPACKING, /* the same, which the block stores unpacked for the blocks after it */
  UNPACKED,  /* a slice of codes, and float32 grids */
} form;

/* A block's weights. */
typedef struct {
  const uint8_t *codes;
  const void *grids;
  const uint8_t *ahead; /* codes to fetch meanwhile */
  int fetch;            /* lines to fetch for every 32 inputs, at most 4 */
  uint8_t *unpacked;    /* UNPACKING: where the codes go */
  float *wide;          /* UNPACKING: where the grids go */
} weights;

/* The codes of inputs 0 .. 3 (part 0) or 4 .. 7 (part 1) of half a row of a tile. */
INLINE __m256i operand(const form as, const uint8_t *line, int part, int half) {
  if (as == UNPACKED) {
    return load32(line + part * LINE + half * 32);
  }
  __m256i word = load32(line + half * 32);
  return _mm256_and_si256(part ? _mm256_srli_epi16(word, 4) : word, _mm256_set1_epi8(15));
}

/* dot[2 * r + half] = the exact products of a group's codes with row r. */
INLINE void products(const int rows, const form as, const weights *source, const int8_t *codes,
                     size_t stride, size_t group, __m256i *dot) {
  /* vpdpbusd takes five cycles: few rows need more chains of sums to keep two of them busy. */
  const int chains = !NARROW && rows <= 3 ? 2 : 1;
  /* A block of packed words is alone on its tile, except with VNNI and more than five rows. */
  const int fetch = as == PACKED && (NARROW || rows <= 2) ? 4 : source->fetch;
  __m256i sums[2][2 * BLOCK_ROWS];
  const uint8_t *line = source->codes, *ahead = source->ahead;
  uint8_t *unpacked = source->unpacked;
#pragma GCC unroll 12
  for (int i = 0; i < 2 * rows; i++) {
    dot[i] = sums[0][i] = sums[1][i] = _mm256_setzero_si256();
  }
  for (size_t k = 0; k < group; k += 32, codes += 32) {
    for (int i = 0; i < fetch; i++, ahead += LINE) {
      _mm_prefetch((const char *)ahead, _MM_HINT_T0);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
#pragma GCC unroll 2
      for (int part = 0; part < 2; part++) {
        __m256i low = operand(as, line, part, 0), high = operand(as, line, part, 1);
        if (as == UNPACKING) {
          _mm256_store_si256((__m256i *)unpacked, low);
          _mm256_store_si256((__m256i *)(unpacked + 32), high);
          unpacked += LINE;
        }
        __m256i *chain = sums[part % chains];
        const int first = NARROW && i == 0 && part == 0;
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
          __m256i four = broadcast(codes + (size_t)r * stride + 8 * i + 4 * part);
          chain[2 * r] = add_products(first, chain[2 * r], low, four);
          chain[2 * r + 1] = add_products(first, chain[2 * r + 1], high, four);
        }
      }
      line += as == UNPACKED ? 2 * LINE : LINE;
    }
#pragma GCC unroll 12
    for (int i = 0; i < 2 * rows; i++) {
      if (NARROW) {
        dot[i] = _mm256_add_epi32(dot[i], widen(sums[0][i]));
      }
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < 2 * rows; i++) {
    if (!NARROW) {
      dot[i] = chains == 2 ? _mm256_add_epi32(sums[0][i], sums[1][i]) : sums[0][i];
    }
  }
}

/* The end of a group: sum = fma(sx, fma(s, D, m * S), sum). */
INLINE void add_group(__m256i dot, __m256 scale, __m256 minimum, __m256 sx, __m256 sum_x,
                      float *sum) {
  __m256 offset = _mm256_mul_ps(minimum, sum_x);
  __m256 value = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(dot), offset);
  _mm256_store_ps(sum, _mm256_fmadd_ps(sx, value, _mm256_load_ps(sum)));
}

/* Adds the groups from (inclusive) to (exclusive) of a block of rows; sums [rows][16]. */
INLINE void block4(const int rows, const form as, weights source, const calm_rows *x, int row,
                   size_t from, size_t to, float (*sums)[CALM_TILE]) {
  size_t group = (size_t)x->group, line_bytes = as == UNPACKED ? 2 * LINE : LINE;
  const size_t groups = (size_t)x->groups, stride = x->stride;
  const int8_t *codes = x->codes + (size_t)row * stride;
  const float *scales = x->scales + (size_t)row * groups;
  const float *code_sums = x->sums + (size_t)row * groups;
  for (size_t j = from; j < to; j++) {
    __m256i dot[2 * BLOCK_ROWS];
    products(rows, as, &source, codes + j * group, stride, group, dot);
    source.codes += group / 8 * line_bytes;
    source.ahead += group / 32 * (size_t)source.fetch * LINE;
    __m256 scale[2], minimum[2];
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
      if (as == UNPACKED) {
        const float *grid = (const float *)source.grids + 8 * half;
        scale[half] = _mm256_load_ps(grid);
        minimum[half] = _mm256_load_ps(grid + CALM_TILE);
      } else {
        const uint16_t *grid = (const uint16_t *)source.grids + 8 * half;
        scale[half] = half8(grid);
        minimum[half] = half8(grid + CALM_TILE);
      }
      if (as == UNPACKING) {
        _mm256_store_ps(source.wide + 8 * half, scale[half]);
        _mm256_store_ps(source.wide + CALM_TILE + 8 * half, minimum[half]);
      }
    }
    if (as == UNPACKING) {
      source.unpacked += group * CALM_TILE;
      source.wide += 2 * CALM_TILE;
    }
    if (as != UNPACKED) {
      _mm_prefetch((const char *)source.grids + GRIDS_AHEAD, _MM_HINT_T0);
    }
    source.grids = (const uint8_t *)source.grids + (as == UNPACKED ? 128 : 64);
    __asm__("" ::: "memory"); /* else the compiler keeps the sums on the stack as well */
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
      size_t at = (size_t)r * groups + j;
      __m256 sx = _mm256_set1_ps(scales[at]), sum_x = _mm256_set1_ps(code_sums[at]);
      add_group(dot[2 * r], scale[0], minimum[0], sx, sum_x, sums[r]);
      add_group(dot[2 * r + 1], scale[1], minimum[1], sx, sum_x, sums[r] + 8);
    }
  }
}

/* Adds the bias to the sums of a tile's rows and writes them. */
INLINE void write4(const calm_linear *w, int tile, int rows, float (*sums)[CALM_TILE], float *y,
                   size_t y_stride) {
  float bias[CALM_TILE] = {0};
  int first = tile * CALM_TILE, left = w->outputs - first;
  if (w->bias) {
    memcpy(bias, w->bias + first, (size_t)(left < CALM_TILE ? left : CALM_TILE) * sizeof(float));
  }
  for (int r = 0; r < rows; r++) {
    __m256 low = _mm256_load_ps(sums[r]), high = _mm256_load_ps(sums[r] + 8);
    if (w->bias) {
      low = _mm256_add_ps(low, _mm256_loadu_ps(bias));
      high = _mm256_add_ps(high, _mm256_loadu_ps(bias + 8));
    }
    store_tile(y + (size_t)r * y_stride, w->outputs, tile, low, high);
  }
}

/* The packed words and grids of a tile from a group on. */
INLINE weights packed_from(const calm_linear *w, int tile, size_t j) {
  size_t at = (size_t)tile * (size_t)w->groups + j;
  const uint8_t *codes = (const uint8_t *)w->codes + at * (size_t)w->group * 8;
  return (weights){.codes = codes, .grids = w->grids + at * 2 * CALM_TILE, .ahead = codes};
}

/* A block of a size that occurs: of PACKED weights 1 to 5 rows, of others 3 or 4 (VNNI: 4 to 6). */
#define BLOCK(rows)                                                                           \
  case rows:                                                                                  \
    if (as == PACKED ? rows <= PACKED_BLOCK : rows >= (NARROW ? 3 : 4) && rows <= MAX_ROWS) { \
      block4(rows, as, source, x, row, from, to, sums);                                       \
    } else {                                                                                  \
      __builtin_trap(); /* all_rows4 makes no such block */                                   \
    }                                                                                         \
    break

INLINE void any_block4(int count, const form as, weights source, const calm_rows *x, int row,
                       size_t from, size_t to, float (*sums)[CALM_TILE]) {
  switch (count) {
    BLOCK(1);
    BLOCK(2);
    BLOCK(3);
    BLOCK(4);
    BLOCK(5);
    BLOCK(6);
    default:
      __builtin_trap();
  }
}

/*
 * Adds groups of all rows, in blocks whose sizes differ by one at most. The first blocks fetch the
 * next slice, each its share, for memory takes longer to read a slice than one block does.
 */
INLINE void all_rows4(const int packed, weights source, const calm_rows *x, int rows, size_t from,
                      size_t to, slice *s) {
  const int max = packed ? PACKED_BLOCK : MAX_ROWS;
  int blocks = (rows + max - 1) / max;
  size_t share = (to - from) * (size_t)x->group / 32 * LINE;
  source.fetch = blocks >= 4 ? 1 : blocks >= 2 ? 2 : 4;
  const uint8_t *end = source.ahead + 4 * share;
  for (int row = 0, count; row < rows; row += count, blocks--) {
    count = (rows - row + blocks - 1) / blocks;
    if (packed) {
      any_block4(count, PACKED, source, x, row, from, to, s->sums + row);
    } else if (row == 0) {
      any_block4(count, UNPACKING, source, x, row, from, to, s->sums + row);
      source.codes = s->codes[0][0];
      source.grids = s->grids;
    } else {
      any_block4(count, UNPACKED, source, x, row, from, to, s->sums + row);
    }
    source.ahead += (size_t)source.fetch * share;
    source.fetch = source.ahead < end ? source.fetch : 0;
  }
}

/* Two functions, so that compilers inline the blocks only once. */
static void packed4(weights source, const calm_rows *x, int rows, size_t from, size_t to,
                    slice *s) {
  all_rows4(1, source, x, rows, from, to, s);
}

static void unpacked4(weights source, const calm_rows *x, int rows, size_t from, size_t to,
                      slice *s) {
  all_rows4(0, source, x, rows, from, to, s);
}

/* All rows, at most CALM_LINEAR_ROWS, over one tile. */
static void tile4(const calm_linear *w, const calm_rows *x, int rows, int tile, float *y,
                  size_t y_stride, slice *s) {
  size_t group = (size_t)w->group, groups = (size_t)w->groups;
  const int one_block = rows <= PACKED_BLOCK;
  size_t step = one_block ? groups : SLICE / group;
  memset(s->sums, 0, (size_t)rows * sizeof s->sums[0]);
  for (size_t from = 0; from < groups; from += step) {
    size_t to = from + step < groups ? from + step : groups;
    weights source = packed_from(w, tile, from);
    source.ahead = source.codes + (one_block ? PREFETCH : (to - from) * group * 8);
    if (rows <= PACKED_ROWS) {
      packed4(source, x, rows, from, to, s);
    } else {
      source.unpacked = s->codes[0][0];
      source.wide = s->grids[0][0];
      unpacked4(source, x, rows, from, to, s);
    }
  }
  write4(w, tile, rows, s->sums, y, y_stride);
}

/* A slice, or WIDE_ROWS rows of int16 for tables. */
size_t NAME(scratch)(int32_t padded_inputs) {
  size_t wide = NARROW ? WIDE_ROWS * sizeof(int16_t) * (size_t)padded_inputs : 0;
  return sizeof(slice) > wide ? sizeof(slice) : wide;
}

void NAME(multiply4)(const calm_linear *w, const calm_rows *x, int rows, int from, int to,
                     float *y, size_t y_stride, void *scratch) {
  for (int tile = from; tile < to; tile++) {
    for (int row = 0; row < rows; row += CALM_LINEAR_ROWS) {
      int count = rows - row < CALM_LINEAR_ROWS ? rows - row : CALM_LINEAR_ROWS;
      calm_rows rest = calm_rows_from(x, row);
      tile4(w, &rest, count, tile, y + (size_t)row * y_stride, y_stride, scratch);
    }
  }
}
