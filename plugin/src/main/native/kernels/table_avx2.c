/*
 * AVX2, and AVX-VNNI where CALM_VNNI is defined: products with int8 tables, in blocks of up to
 * MAX_ROWS rows by the 16 outputs of a tile.
 *
 * AVX-VNNI: int8 codes plus 128 are unsigned; the surplus 128 * S is taken off beforehand.
 *
 * AVX2, one row: sizes of codes are unsigned, and the sign moves to the activation (vpmaddubsw). A
 * pair, 2 * 127 * 127, just fits int16, so each is widened at once. AVX2, more rows: codes and
 * activations are widened to int16 and multiplied in pairs to int32 (vpmaddwd), which needs a
 * quarter fewer instructions. The activations of WIDE_ROWS rows at a time are widened once for all
 * tiles.
 */
#include "avx2.h"

enum { LINE = 64 /* bytes of a row of a tile: 4 inputs of 16 outputs */ };

/* The end of a group: sums = fma(sx, D, sums). */
INLINE void add_groups(const int rows, const __m256i *dot, const calm_rows *x, int row, size_t j,
                       __m256 *sums) {
#pragma GCC unroll 12
  for (int i = 0; i < 2 * rows; i++) {
    __m256 sx = _mm256_set1_ps(x->scales[(size_t)(row + i / 2) * (size_t)x->groups + j]);
    sums[i] = _mm256_fmadd_ps(sx, _mm256_cvtepi32_ps(dot[i]), sums[i]);
  }
}

INLINE void write8(const int rows, const calm_table8 *w, int tile, const __m256 *sums, float *y,
                   size_t y_stride) {
  __m256 low = _mm256_loadu_ps(w->scales + tile * CALM_TILE);
  __m256 high = _mm256_loadu_ps(w->scales + tile * CALM_TILE + 8);
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    store_tile(y + (size_t)r * y_stride, w->outputs, tile, _mm256_mul_ps(sums[2 * r], low),
               _mm256_mul_ps(sums[2 * r + 1], high));
  }
}

#ifdef CALM_VNNI
/* Codes of a tile, as bytes plus 128, times the int8 activations of a block. */
INLINE void products(const int rows, const uint8_t *line, const calm_rows *x, int row, size_t j,
                     __m256i *dot) {
  const __m256i flip = _mm256_set1_epi8((char)0x80);
  const int8_t *codes = x->codes + (size_t)row * x->stride + j * (size_t)x->group;
  __m256i odd[2 * MAX_ROWS]; /* a second chain for few rows */
  const int chains = rows <= 3 ? 2 : 1;
#pragma GCC unroll 12
  for (int i = 0; i < 2 * rows; i++) {
    float sum = x->sums[(size_t)(row + i / 2) * (size_t)x->groups + j];
    dot[i] = _mm256_set1_epi32(-128 * (int32_t)sum);
    odd[i] = _mm256_setzero_si256();
  }
  for (int k = 0; k < x->group; k += 8) {
#pragma GCC unroll 2
    for (int part = 0; part < 2; part++, line += LINE) {
      __m256i low = _mm256_xor_si256(load32(line), flip);
      __m256i high = _mm256_xor_si256(load32(line + 32), flip);
      __m256i *chain = part % chains ? odd : dot;
      _mm_prefetch((const char *)line + PREFETCH, _MM_HINT_T0);
#pragma GCC unroll 6
      for (int r = 0; r < rows; r++) {
        __m256i four = broadcast(codes + (size_t)r * x->stride + k + 4 * part);
        chain[2 * r] = add_products(0, chain[2 * r], low, four);
        chain[2 * r + 1] = add_products(0, chain[2 * r + 1], high, four);
      }
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < 2 * rows; i++) {
    dot[i] = chains == 2 ? _mm256_add_epi32(dot[i], odd[i]) : dot[i];
  }
}
#else
/* sum + addend, in this order: see add_products. */
INLINE __m256i add32(__m256i sum, __m256i addend) {
  __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(addend));
  return sum;
}

INLINE __m256i add_signed(__m256i sum, __m256i codes, __m256i four) {
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(four, codes));
  return add32(sum, widen(pairs));
}

/* One row. */
INLINE void signed_products(const uint8_t *line, const int8_t *codes, size_t group, __m256i *dot) {
  dot[0] = dot[1] = _mm256_setzero_si256();
  for (size_t k = 0; k < group; k += 16) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++, line += LINE) {
      __m256i four = broadcast(codes + k + 4 * (size_t)i);
      _mm_prefetch((const char *)line + PREFETCH, _MM_HINT_T0);
      dot[0] = add_signed(dot[0], load32(line), four);
      dot[1] = add_signed(dot[1], load32(line + 32), four);
    }
  }
}

/* The even (part 0) or the odd int8 of every int16. */
INLINE __m256i wide_part(__m256i bytes, int part) {
  return _mm256_srai_epi16(part ? bytes : _mm256_slli_epi16(bytes, 8), 8);
}

/* Widens rows to [rows][inputs / 32][2][16]: even inputs, odd inputs. */
static void widen_rows(const calm_rows *x, int rows, int16_t *wide) {
  size_t inputs = (size_t)x->groups * (size_t)x->group;
  for (int row = 0; row < rows; row++) {
    const int8_t *codes = x->codes + (size_t)row * x->stride;
    for (size_t k = 0; k < inputs; k += 32, wide += 32) {
      __m256i bytes = load32(codes + k);
      _mm256_store_si256((__m256i *)wide, wide_part(bytes, 0));
      _mm256_store_si256((__m256i *)(wide + 16), wide_part(bytes, 1));
    }
  }
}

INLINE void wide_products(const int rows, const uint8_t *line, const int16_t *wide, size_t stride,
                          size_t group, __m256i *dot) {
#pragma GCC unroll 8
  for (int i = 0; i < 2 * rows; i++) {
    dot[i] = _mm256_setzero_si256();
  }
  const int16_t *of_row[MAX_ROWS];
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    of_row[r] = wide + (size_t)r * stride;
  }
  for (size_t k = 0; k < group; k += 32) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++, line += LINE) {
      _mm_prefetch((const char *)line + PREFETCH, _MM_HINT_T0);
#pragma GCC unroll 2
      for (int part = 0; part < 2; part++) {
        __m256i low = wide_part(load32(line), part), high = wide_part(load32(line + 32), part);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
          __m256i two = broadcast(of_row[r] + k + 16 * part + 2 * i);
          dot[2 * r] = add32(dot[2 * r], _mm256_madd_epi16(low, two));
          dot[2 * r + 1] = add32(dot[2 * r + 1], _mm256_madd_epi16(high, two));
        }
      }
    }
  }
}
#endif

/* wide: the block's widened rows (AVX2 and more than one row). */
INLINE void block8(const int rows, const calm_table8 *w, const calm_rows *x, int row, int tile,
                   const int16_t *wide, float *y, size_t y_stride) {
  size_t groups = (size_t)w->groups, group = (size_t)w->group;
  const uint8_t *line = (const uint8_t *)w->codes + (size_t)tile * groups * group * CALM_TILE;
  __m256 sums[2 * MAX_ROWS];
#pragma GCC unroll 12
  for (int i = 0; i < 2 * rows; i++) {
    sums[i] = _mm256_setzero_ps();
  }
  for (size_t j = 0; j < groups; j++, line += group * CALM_TILE) {
    __m256i dot[2 * MAX_ROWS];
#ifdef CALM_VNNI
    (void)wide;
    products(rows, line, x, row, j, dot);
#else
    if (rows == 1 && !wide) {
      signed_products(line, x->codes + (size_t)row * x->stride + j * group, group, dot);
    } else {
      wide_products(rows, line, wide + j * group, groups * group, group, dot);
    }
#endif
    add_groups(rows, dot, x, row, j, sums);
  }
  write8(rows, w, tile, sums, y + (size_t)row * y_stride, y_stride);
}

#define ROWS8(count)                                                                        \
  case count:                                                                               \
    block8(count, w, x, row, tile, wide ? wide + (size_t)row * inputs : NULL, y, y_stride); \
    break

static void tiles8(const calm_table8 *w, const calm_rows *x, int rows, int from, int to,
                   const int16_t *wide, float *y, size_t y_stride) {
  size_t inputs = (size_t)w->groups * (size_t)w->group;
  for (int tile = from; tile < to; tile++) {
    for (int row = 0, count; row < rows; row += count) {
      count = block_rows(rows - row);
      switch (count) {
        ROWS8(1);
        ROWS8(2);
        ROWS8(3);
        ROWS8(4);
#ifdef CALM_VNNI
        ROWS8(6);
#endif
      }
    }
  }
}

void NAME(multiply8)(const calm_table8 *w, const calm_rows *x, int rows, int from, int to,
                     float *y, size_t y_stride, void *scratch) {
#ifdef CALM_VNNI
  tiles8(w, x, rows, from, to, NULL, y, y_stride);
  (void)scratch;
#else
  for (int row = 0; row < rows; row += WIDE_ROWS) {
    int count = rows - row < WIDE_ROWS ? rows - row : WIDE_ROWS;
    calm_rows part = calm_rows_from(x, row);
    if (rows > 1) {
      widen_rows(&part, count, scratch);
    }
    tiles8(w, &part, count, from, to, rows > 1 ? scratch : NULL, y + (size_t)row * y_stride,
           y_stride);
  }
#endif
}
