/*
 * AVX2, and AVX-VNNI where CALM_VNNI is defined: a row of a tile is two registers.
 *
 * Without VNNI, products of bytes are added in pairs to int16 (vpmaddubsw), which saturates: codes
 * of 4 bits give at most 2 * 15 * 127 a pair, so eight of them may be added before widening; int8
 * codes are within 127 of zero on both sides, so one pair, 2 * 127 * 127, just fits.
 */
#include "linear.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#ifdef CALM_VNNI
#define NAME(function) calm_##function##_avxvnni
enum { MAX_ROWS = 4 };
#else
#define NAME(function) calm_##function##_avx2
enum { MAX_ROWS = 2 };
#endif

INLINE __m256i broadcast(const int8_t *codes) {
  int32_t four;
  memcpy(&four, codes, sizeof four);
  return _mm256_set1_epi32(four);
}

INLINE __m256 half8(const uint16_t *halves) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
}

/* The exact products of half a tile's group with `rows` rows. */
INLINE void dots4(const int rows, const uint8_t *words, int32_t group, const int8_t *codes,
                  size_t stride, __m256i *dot) {
  const __m256i nibbles = _mm256_set1_epi8(15);
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    dot[r] = _mm256_setzero_si256();
  }
  for (int32_t p = 0; p < group / 8; p += 4) {
#ifndef CALM_VNNI
    __m256i pairs[MAX_ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      pairs[r] = _mm256_setzero_si256();
    }
#endif
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      __m256i word = _mm256_loadu_si256((const __m256i *)(words + (size_t)(p + i) * 64));
      __m256i low = _mm256_and_si256(word, nibbles);
      __m256i high = _mm256_and_si256(_mm256_srli_epi16(word, 4), nibbles);
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
        const int8_t *at = codes + (size_t)r * stride + (size_t)(p + i) * 8;
#ifdef CALM_VNNI
        dot[r] = _mm256_dpbusd_avx_epi32(dot[r], low, broadcast(at));
        dot[r] = _mm256_dpbusd_avx_epi32(dot[r], high, broadcast(at + 4));
#else
        pairs[r] = _mm256_add_epi16(pairs[r], _mm256_maddubs_epi16(low, broadcast(at)));
        pairs[r] = _mm256_add_epi16(pairs[r], _mm256_maddubs_epi16(high, broadcast(at + 4)));
#endif
      }
    }
#ifndef CALM_VNNI
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      dot[r] = _mm256_add_epi32(dot[r], _mm256_madd_epi16(pairs[r], _mm256_set1_epi16(1)));
    }
#endif
  }
}

INLINE void store_part(float *y, int32_t outputs, int first, __m256 values) {
  if (first + 8 <= outputs) {
    _mm256_storeu_ps(y + first, values);
  } else if (first < outputs) {
    float part[8];
    _mm256_storeu_ps(part, values);
    memcpy(y + first, part, (size_t)(outputs - first) * sizeof(float));
  }
}

INLINE void block4(const int rows, const calm_linear *w, const calm_rows *x, int row, int tile,
                   int half, float *y, size_t y_stride) {
  size_t groups = (size_t)w->groups, group = (size_t)w->group;
  const uint8_t *words =
      (const uint8_t *)w->codes + (size_t)tile * groups * group * 8 + (size_t)half * 32;
  const uint16_t *grid = w->grids + (size_t)tile * groups * 2 * CALM_TILE + half * 8;
  __m256 sums[MAX_ROWS];
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    sums[r] = _mm256_setzero_ps();
  }
  for (size_t j = 0; j < groups; j++) {
    __m256i dot[MAX_ROWS];
    dots4(rows, words + j * group * 8, w->group, x->codes + (size_t)row * x->stride + j * group,
          x->stride, dot);
    __m256 scale = half8(grid + j * 2 * CALM_TILE);
    __m256 minimum = half8(grid + j * 2 * CALM_TILE + CALM_TILE);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      size_t at = (size_t)(row + r) * (size_t)x->groups + j;
      __m256 offset = _mm256_mul_ps(minimum, _mm256_set1_ps(x->sums[at]));
      __m256 value = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(dot[r]), offset);
      sums[r] = _mm256_fmadd_ps(_mm256_set1_ps(x->scales[at]), value, sums[r]);
    }
  }
  int first = tile * CALM_TILE + half * 8;
  float bias[8] = {0};
  if (w->bias && first < w->outputs) {
    int count = w->outputs - first < 8 ? w->outputs - first : 8;
    memcpy(bias, w->bias + first, (size_t)count * sizeof(float));
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    __m256 value = w->bias ? _mm256_add_ps(sums[r], _mm256_loadu_ps(bias)) : sums[r];
    store_part(y + (size_t)(row + r) * y_stride, w->outputs, first, value);
  }
}

#ifdef CALM_VNNI
static inline int32_t sum_of(const calm_rows *x, int row, size_t j) {
  return (int32_t)x->sums[(size_t)row * (size_t)x->groups + j];
}
#endif

INLINE void block8(const int rows, const calm_table8 *w, const calm_rows *x, int row, int tile,
                   int half, float *y, size_t y_stride) {
  size_t groups = (size_t)w->groups, group = (size_t)w->group;
  const uint8_t *words =
      (const uint8_t *)w->codes + (size_t)tile * groups * group * 16 + (size_t)half * 32;
  const int8_t *codes = x->codes + (size_t)row * x->stride;
  __m256 sums[MAX_ROWS];
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    sums[r] = _mm256_setzero_ps();
  }
  for (size_t j = 0; j < groups; j++) {
    __m256i dot[MAX_ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#ifdef CALM_VNNI
      dot[r] = _mm256_set1_epi32(-128 * sum_of(x, row + r, j));
#else
      dot[r] = _mm256_setzero_si256();
#endif
    }
    for (size_t p = 0; p < group / 4; p++, words += 64, codes += 4) {
      __m256i word = _mm256_loadu_si256((const __m256i *)words);
#ifdef CALM_VNNI
      word = _mm256_xor_si256(word, _mm256_set1_epi8((char)0x80));
#else
      __m256i size = _mm256_abs_epi8(word);
#endif
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
        __m256i four = broadcast(codes + (size_t)r * x->stride);
#ifdef CALM_VNNI
        dot[r] = _mm256_dpbusd_avx_epi32(dot[r], word, four);
#else
        __m256i pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(four, word));
        dot[r] = _mm256_add_epi32(dot[r], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      float sx = x->scales[(size_t)(row + r) * (size_t)x->groups + j];
      sums[r] = _mm256_fmadd_ps(_mm256_set1_ps(sx), _mm256_cvtepi32_ps(dot[r]), sums[r]);
    }
  }
  int first = tile * CALM_TILE + half * 8;
  __m256 scales = _mm256_loadu_ps(w->scales + first);
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    store_part(y + (size_t)(row + r) * y_stride, w->outputs, first, _mm256_mul_ps(sums[r], scales));
  }
}

#ifdef CALM_VNNI
#define BLOCKS(block)                                                       \
  for (; row + 4 <= rows; row += 4) {                                       \
    block(4, w, x, row, tile, half, y, y_stride);                           \
  }                                                                         \
  if (row + 2 <= rows) {                                                    \
    block(2, w, x, row, tile, half, y, y_stride);                           \
    row += 2;                                                               \
  }                                                                         \
  if (row < rows) {                                                         \
    block(1, w, x, row, tile, half, y, y_stride);                           \
  }
#else
#define BLOCKS(block)                                                       \
  for (; row + 2 <= rows; row += 2) {                                       \
    block(2, w, x, row, tile, half, y, y_stride);                           \
  }                                                                         \
  if (row < rows) {                                                         \
    block(1, w, x, row, tile, half, y, y_stride);                           \
  }
#endif

size_t NAME(scratch)(int32_t padded_inputs) {
  (void)padded_inputs;
  return 0;
}

void NAME(multiply4)(const calm_linear *w, const calm_rows *x, int rows, int from, int to,
                     float *y, size_t y_stride, void *scratch) {
  (void)scratch;
  for (int tile = from; tile < to; tile++) {
    for (int half = 0; half < 2; half++) {
      int row = 0;
      BLOCKS(block4)
    }
  }
}

void NAME(multiply8)(const calm_table8 *w, const calm_rows *x, int rows, int from, int to,
                     float *y, size_t y_stride, void *scratch) {
  (void)scratch;
  for (int tile = from; tile < to; tile++) {
    for (int half = 0; half < 2; half++) {
      int row = 0;
      BLOCKS(block8)
    }
  }
}
