/* The parts shared by the AVX-512 and AMX products. */
#ifndef CALM_AVX512_H
#define CALM_AVX512_H

#include "linear.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum {
  MAX_ROWS = 8,    /* rows of a block: with more, compilers spill registers */
  DIRECT = 24,     /* maximum rows for which codes are unpacked in registers for each block */
  PREFETCH = 2048, /* bytes ahead in a stream of weights */
};

/* The rows of the next block, of `left` rows: the largest size that has code. */
INLINE int block_rows(int left) {
  return left >= 8 ? 8 : left >= 6 ? 6 : left >= 4 ? 4 : left;
}

/* Four int8 activations in every lane. */
INLINE __m512i broadcast(const int8_t *codes) {
  int32_t four;
  memcpy(&four, codes, sizeof four);
  return _mm512_set1_epi32(four);
}

INLINE __m512 half16(const uint16_t *halves) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)halves));
}

/* Lanes of a tile that are outputs. */
INLINE __mmask16 lanes_below(int32_t outputs, int tile) {
  int left = outputs - tile * CALM_TILE;
  return left >= CALM_TILE ? 0xffff : (__mmask16)((1u << left) - 1);
}

/* Unpacks a tile into one register of the codes of inputs 4i .. 4i+3 for each i. */
static inline void unpack_tile(const calm_linear *w, int tile, uint8_t *panel) {
  const __m512i nibbles = _mm512_set1_epi8(15);
  size_t steps = (size_t)w->groups * (size_t)w->group / 8;
  const uint32_t *words = w->codes + (size_t)tile * steps * CALM_TILE;
  for (size_t p = 0; p < steps; p++, words += CALM_TILE, panel += 128) {
    __m512i word = _mm512_loadu_si512(words);
    _mm_prefetch((const char *)words + PREFETCH, _MM_HINT_T0);
    _mm512_store_si512(panel, _mm512_and_si512(word, nibbles));
    _mm512_store_si512(panel + 64, _mm512_and_si512(_mm512_srli_epi16(word, 4), nibbles));
  }
}

#endif
