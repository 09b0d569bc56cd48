/*
 * AVX-512 VNNI: a row of a tile is one register. Up to DIRECT rows are multiplied with the packed
 * words directly; for more rows, the codes of two tiles are unpacked once into scratch that stays
 * in the L2 cache, and all rows pass over it in blocks.
 */
#include "avx512.h"

/* The end of a group: sums = fma(sx, fma(s, D, m * S), sums). */
INLINE __m512 add_group(__m512i dot, __m512 scale, __m512 minimum, float sx, float sum_x,
                        __m512 sum) {
  __m512 offset = _mm512_mul_ps(minimum, _mm512_set1_ps(sum_x));
  __m512 value = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(dot), offset);
  return _mm512_fmadd_ps(_mm512_set1_ps(sx), value, sum);
}

/*
 * sum + the products of four unsigned codes and four activations in every lane. Compilers copy the
 * accumulators of the intrinsic from register to register.
 */
INLINE __m512i add_products(__m512i sum, __m512i codes, __m512i four) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(codes), "v"(four));
  return sum;
}

/* One row over one tile: a single stream of words, eight chains of products. */
static __m512 row4(const calm_linear *w, const calm_rows *x, int row, int tile) {
  const __m512i nibbles = _mm512_set1_epi8(15);
  const int8_t *codes = x->codes + (size_t)row * x->stride;
  size_t groups = (size_t)w->groups, steps = (size_t)w->group / 8;
  const uint32_t *words = w->codes + (size_t)tile * groups * steps * CALM_TILE;
  const uint16_t *grid = w->grids + (size_t)tile * groups * 2 * CALM_TILE;
  __m512 sum = _mm512_setzero_ps();
  for (size_t j = 0; j < groups; j++, grid += 2 * CALM_TILE) {
    __m512i dot[8];
    for (int i = 0; i < 8; i++) {
      dot[i] = _mm512_setzero_si512();
    }
    for (size_t p = 0; p < steps; p += 4) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
        __m512i word = _mm512_loadu_si512(words);
        _mm_prefetch((const char *)words + PREFETCH, _MM_HINT_T0);
        dot[2 * i] = _mm512_dpbusd_epi32(dot[2 * i], _mm512_and_si512(word, nibbles),
                                         broadcast(codes));
        word = _mm512_and_si512(_mm512_srli_epi16(word, 4), nibbles);
        dot[2 * i + 1] = _mm512_dpbusd_epi32(dot[2 * i + 1], word, broadcast(codes + 4));
        words += CALM_TILE;
        codes += 8;
      }
    }
    __m512i a = _mm512_add_epi32(_mm512_add_epi32(dot[0], dot[1]),
                                 _mm512_add_epi32(dot[2], dot[3]));
    __m512i b = _mm512_add_epi32(_mm512_add_epi32(dot[4], dot[5]),
                                 _mm512_add_epi32(dot[6], dot[7]));
    size_t at = (size_t)row * (size_t)x->groups + j;
    sum = add_group(_mm512_add_epi32(a, b), half16(grid), half16(grid + CALM_TILE), x->scales[at],
                    x->sums[at], sum);
  }
  return sum;
}

/*
 * A block of rows over one or two tiles, from packed words or from panels. Packed words of the next
 * tiles, and their grids, arrive while these are multiplied: a stream of so few bytes a product is
 * not fetched ahead by the processor itself. Of several blocks over the same tiles the first
 * fetches one of the next tiles and the others the other, for memory has a share for each of them.
 */
INLINE void block4(const int tiles, const int rows, const int packed, const calm_linear *w,
                   const calm_rows *x, int row, int all_rows, int tile, const uint8_t *panel,
                   float sums[tiles * rows][CALM_TILE]) {
  const __m512i nibbles = _mm512_set1_epi8(15);
  size_t groups = (size_t)w->groups, steps = (size_t)w->group / 8;
  size_t tile_bytes = groups * steps * (packed ? 64 : 128);
  const uint8_t *source =
      packed ? (const uint8_t *)w->codes + (size_t)tile * tile_bytes : panel;
  const int alone = all_rows <= MAX_ROWS;
  const uint8_t *ahead = source + (size_t)(alone || row == 0 ? tiles : 2 * tiles - 1) * tile_bytes;
  const uint16_t *grid = w->grids + (size_t)tile * groups * 2 * CALM_TILE;
  const int8_t *codes = x->codes + (size_t)row * x->stride;
  for (int i = 0; i < tiles * rows; i++) {
    _mm512_storeu_ps(sums[i], _mm512_setzero_ps());
  }
  for (size_t j = 0; j < groups; j++, grid += 2 * CALM_TILE) {
    __m512i dot[2 * MAX_ROWS];
#pragma GCC unroll 16
    for (int i = 0; i < tiles * rows; i++) {
      dot[i] = _mm512_setzero_si512();
    }
    for (size_t p = 0; p < steps; p++) {
      __m512i low[2], high[2];
#pragma GCC unroll 2
      for (int t = 0; t < tiles; t++) {
        if (packed) {
          __m512i word = _mm512_loadu_si512(source + (size_t)t * tile_bytes);
          if (t == 0 || alone) {
            _mm_prefetch((const char *)ahead + (size_t)t * tile_bytes, _MM_HINT_T0);
          }
          low[t] = _mm512_and_si512(word, nibbles);
          high[t] = _mm512_and_si512(_mm512_srli_epi16(word, 4), nibbles);
        } else {
          low[t] = _mm512_loadu_si512(source + (size_t)t * tile_bytes);
          high[t] = _mm512_load_si512(source + (size_t)t * tile_bytes + 64);
        }
      }
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) {
        __m512i pair = broadcast(codes + (size_t)r * x->stride);
#pragma GCC unroll 2
        for (int t = 0; t < tiles; t++) {
          dot[t * rows + r] = add_products(dot[t * rows + r], low[t], pair);
        }
      }
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) {
        __m512i pair = broadcast(codes + (size_t)r * x->stride + 4);
#pragma GCC unroll 2
        for (int t = 0; t < tiles; t++) {
          dot[t * rows + r] = add_products(dot[t * rows + r], high[t], pair);
        }
      }
      source += packed ? 64 : 128;
      ahead += 64;
      codes += 8;
    }
#pragma GCC unroll 2
    for (int t = 0; t < tiles; t++) {
      const uint16_t *of_tile = grid + (size_t)t * groups * 2 * CALM_TILE;
      __m512 scale = half16(of_tile), minimum = half16(of_tile + CALM_TILE);
      if (packed && row == 0) {
        _mm_prefetch((const char *)(of_tile + (size_t)tiles * groups * 2 * CALM_TILE), _MM_HINT_T0);
      }
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) {
        size_t at = (size_t)(row + r) * (size_t)x->groups + j;
        float *sum = sums[t * rows + r];
        _mm512_storeu_ps(sum, add_group(dot[t * rows + r], scale, minimum, x->scales[at],
                                        x->sums[at], _mm512_loadu_ps(sum)));
      }
    }
  }
}

INLINE void write4(const calm_linear *w, int tile, __m512 sum, float *y) {
  __mmask16 mask = lanes_below(w->outputs, tile);
  if (w->bias) {
    sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, w->bias + tile * CALM_TILE));
  }
  _mm512_mask_storeu_ps(y + tile * CALM_TILE, mask, sum);
}

INLINE void rows4(const int tiles, const int rows, const int packed, const calm_linear *w,
                  const calm_rows *x, int row, int all_rows, int tile, const uint8_t *panel,
                  float *y, size_t y_stride) {
  float sums[2 * MAX_ROWS][CALM_TILE] __attribute__((aligned(64)));
  for (int r = 0; r < rows; r++) { /* while the products are made, the lines arrive to be written */
    for (int t = 0; t < tiles; t++) {
      __builtin_prefetch(y + (size_t)(row + r) * y_stride + (tile + t) * CALM_TILE, 1);
    }
  }
  block4(tiles, rows, packed, w, x, row, all_rows, tile, panel, sums);
  for (int t = 0; t < tiles; t++) {
    for (int r = 0; r < rows; r++) {
      write4(w, tile + t, _mm512_load_ps(sums[t * rows + r]), y + (size_t)(row + r) * y_stride);
    }
  }
}

#define ROWS4(count)                                                       \
  case count:                                                              \
    rows4(tiles, count, packed, w, x, row, rows, tile, panel, y, y_stride); \
    break

INLINE void all_rows4(const int tiles, const int packed, const calm_linear *w, const calm_rows *x,
                      int rows, int tile, const uint8_t *panel, float *y, size_t y_stride) {
  for (int row = 0, count; row < rows; row += count) {
    count = block_rows(rows - row);
    switch (count) {
      ROWS4(1);
      ROWS4(2);
      ROWS4(3);
      ROWS4(4);
      ROWS4(6);
      ROWS4(8);
    }
  }
}

static void pair_packed(const calm_linear *w, const calm_rows *x, int rows, int tile, float *y,
                        size_t y_stride) {
  all_rows4(2, 1, w, x, rows, tile, NULL, y, y_stride);
}

static void single_packed(const calm_linear *w, const calm_rows *x, int rows, int tile, float *y,
                          size_t y_stride) {
  all_rows4(1, 1, w, x, rows, tile, NULL, y, y_stride);
}

static void pair_panel(const calm_linear *w, const calm_rows *x, int rows, int tile,
                       const uint8_t *panel, float *y, size_t y_stride) {
  all_rows4(2, 0, w, x, rows, tile, panel, y, y_stride);
}

size_t calm_scratch_avx512vnni(int32_t padded_inputs) {
  return (size_t)padded_inputs * 2 * CALM_TILE;
}

void calm_multiply4_avx512vnni(const calm_linear *w, const calm_rows *x, int rows, int from,
                               int to, float *y, size_t y_stride, void *scratch) {
  int tile = from;
  if (rows == 1) {
    for (; tile < to; tile++) {
      write4(w, tile, row4(w, x, 0, tile), y);
    }
    return;
  }
  for (; tile + 2 <= to; tile += 2) {
    if (rows <= DIRECT) {
      pair_packed(w, x, rows, tile, y, y_stride);
    } else {
      size_t tile_bytes = (size_t)w->groups * (size_t)w->group * CALM_TILE;
      unpack_tile(w, tile, scratch);
      unpack_tile(w, tile + 1, (uint8_t *)scratch + tile_bytes);
      pair_panel(w, x, rows, tile, scratch, y, y_stride);
    }
  }
  if (tile < to) {
    single_packed(w, x, rows, tile, y, y_stride);
  }
}

/* Int8 codes plus 128 are unsigned; the surplus 128 * S is taken off beforehand. */
INLINE void block8(const int rows, const calm_table8 *w, const calm_rows *x, int row, int tile,
                   float *y, size_t y_stride) {
  const __m512i flip = _mm512_set1_epi8((char)0x80);
  size_t groups = (size_t)w->groups, steps = (size_t)w->group / 4;
  const uint32_t *words = w->codes + (size_t)tile * groups * steps * CALM_TILE;
  const int8_t *codes = x->codes + (size_t)row * x->stride;
  __m512 sums[MAX_ROWS];
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
    sums[r] = _mm512_setzero_ps();
  }
  for (size_t j = 0; j < groups; j++) {
    __m512i even[MAX_ROWS], odd[MAX_ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      float sum = x->sums[(size_t)(row + r) * (size_t)x->groups + j];
      even[r] = _mm512_set1_epi32(-128 * (int32_t)sum);
      odd[r] = _mm512_setzero_si512();
    }
    for (size_t p = 0; p < steps; p += 2, words += 2 * CALM_TILE, codes += 8) {
      __m512i first = _mm512_xor_si512(_mm512_loadu_si512(words), flip);
      __m512i second = _mm512_xor_si512(_mm512_loadu_si512(words + CALM_TILE), flip);
      _mm_prefetch((const char *)words + PREFETCH, _MM_HINT_T0);
      _mm_prefetch((const char *)words + PREFETCH + 64, _MM_HINT_T0);
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) {
        const int8_t *at = codes + (size_t)r * x->stride;
        even[r] = add_products(even[r], first, broadcast(at));
        odd[r] = add_products(odd[r], second, broadcast(at + 4));
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      __m512 dot = _mm512_cvtepi32_ps(_mm512_add_epi32(even[r], odd[r]));
      float sx = x->scales[(size_t)(row + r) * (size_t)x->groups + j];
      sums[r] = _mm512_fmadd_ps(_mm512_set1_ps(sx), dot, sums[r]);
    }
  }
  __m512 scales = _mm512_loadu_ps(w->scales + tile * CALM_TILE);
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
    _mm512_mask_storeu_ps(y + (size_t)(row + r) * y_stride + tile * CALM_TILE,
                          lanes_below(w->outputs, tile), _mm512_mul_ps(sums[r], scales));
  }
}

#define ROWS8(count)                            \
  case count:                                   \
    block8(count, w, x, row, tile, y, y_stride); \
    break

void calm_multiply8_avx512vnni(const calm_table8 *w, const calm_rows *x, int rows, int from,
                               int to, float *y, size_t y_stride, void *scratch) {
  (void)scratch;
  for (int tile = from; tile < to; tile++) {
    for (int row = 0, count; row < rows; row += count) {
      count = block_rows(rows - row);
      switch (count) {
        ROWS8(1);
        ROWS8(2);
        ROWS8(3);
        ROWS8(4);
        ROWS8(6);
        ROWS8(8);
      }
    }
  }
}
