/*
 * AMX int8: one instruction multiplies sixteen rows by sixteen outputs over 64 inputs. A tile's
 * codes, unpacked to four inputs per lane, already have the layout of a B tile; the ends of groups
 * use AVX-512. Rows that do not fill a tile, and the int8 table, use the AVX-512 VNNI kernels.
 */
#include "amx.h"
#include "avx512.h"

enum { B_INPUTS = 64 };

/* Tiles 0..3: sums of two blocks of rows by two tiles; 4, 5: activations; 6, 7: codes. */
static void configure(int inputs) {
  tile_config config = {.palette = 1};
  for (int i = 0; i < 8; i++) {
    config.row_bytes[i] = (uint16_t)(i == 4 || i == 5 ? inputs : 64);
    config.rows[i] = (uint8_t)(i >= 6 ? inputs / 4 : AMX_ROWS);
  }
  configure_tiles(&config);
}

INLINE void add_groups(const int32_t dots[AMX_ROWS][CALM_TILE], __m512 scale, __m512 minimum,
                       const calm_rows *x, int row, size_t j, float sums[AMX_ROWS][CALM_TILE]) {
  for (int r = 0; r < AMX_ROWS; r++) {
    size_t at = (size_t)(row + r) * (size_t)x->groups + j;
    __m512 dot = _mm512_cvtepi32_ps(_mm512_load_si512(dots[r]));
    __m512 value =
        _mm512_fmadd_ps(scale, dot, _mm512_mul_ps(minimum, _mm512_set1_ps(x->sums[at])));
    _mm512_store_ps(sums[r],
                    _mm512_fmadd_ps(_mm512_set1_ps(x->scales[at]), value,
                                    _mm512_load_ps(sums[r])));
  }
}

/* 32 rows over two tiles. */
static void block4(const calm_linear *w, const calm_rows *x, int row, int tile,
                   const uint8_t *panel, float *y, size_t y_stride) {
  int32_t dots[4][AMX_ROWS][CALM_TILE] __attribute__((aligned(64)));
  float sums[4][AMX_ROWS][CALM_TILE] __attribute__((aligned(64)));
  memset(sums, 0, sizeof sums);
  size_t groups = (size_t)w->groups, group = (size_t)w->group;
  size_t tile_bytes = groups * group * CALM_TILE;
  size_t inputs = group < B_INPUTS ? group : B_INPUTS;
  const int8_t *upper = x->codes + (size_t)row * x->stride;
  const int8_t *lower = upper + AMX_ROWS * x->stride;
  for (size_t j = 0; j < groups; j++) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t k = j * group; k < (j + 1) * group; k += inputs) {
      _tile_loadd(4, upper + k, x->stride);
      _tile_loadd(5, lower + k, x->stride);
      _tile_loadd(6, panel + k * CALM_TILE, 64);
      _tile_loadd(7, panel + tile_bytes + k * CALM_TILE, 64);
      _tile_dpbsud(0, 4, 6);
      _tile_dpbsud(1, 4, 7);
      _tile_dpbsud(2, 5, 6);
      _tile_dpbsud(3, 5, 7);
    }
    _tile_stored(0, dots[0], 64);
    _tile_stored(1, dots[1], 64);
    _tile_stored(2, dots[2], 64);
    _tile_stored(3, dots[3], 64);
    for (int t = 0; t < 2; t++) {
      const uint16_t *grid = w->grids + ((size_t)(tile + t) * groups + j) * 2 * CALM_TILE;
      __m512 scale = half16(grid), minimum = half16(grid + CALM_TILE);
      add_groups(dots[t], scale, minimum, x, row, j, sums[t]);
      add_groups(dots[2 + t], scale, minimum, x, row + AMX_ROWS, j, sums[2 + t]);
    }
  }
  for (int i = 0; i < 4; i++) {
    int t = tile + i % 2;
    __mmask16 mask = lanes_below(w->outputs, t);
    __m512 bias = w->bias ? _mm512_maskz_loadu_ps(mask, w->bias + t * CALM_TILE)
                          : _mm512_setzero_ps();
    for (int r = 0; r < AMX_ROWS; r++) {
      __m512 sum = _mm512_load_ps(sums[i][r]);
      _mm512_mask_storeu_ps(y + (size_t)(row + i / 2 * AMX_ROWS + r) * y_stride + t * CALM_TILE,
                            mask, w->bias ? _mm512_add_ps(sum, bias) : sum);
    }
  }
}

size_t calm_scratch_amx(int32_t padded_inputs) { return calm_scratch_avx512vnni(padded_inputs); }

void calm_multiply4_amx(const calm_linear *w, const calm_rows *x, int rows, int from, int to,
                        float *y, size_t y_stride, void *scratch) {
  int whole = rows / (2 * AMX_ROWS) * 2 * AMX_ROWS, pairs = from + (to - from) / 2 * 2;
  if (whole > 0) {
    size_t tile_bytes = (size_t)w->groups * (size_t)w->group * CALM_TILE;
    configure(w->group < B_INPUTS ? w->group : B_INPUTS);
    for (int tile = from; tile < pairs; tile += 2) {
      unpack_tile(w, tile, scratch);
      unpack_tile(w, tile + 1, (uint8_t *)scratch + tile_bytes);
      for (int row = 0; row < whole; row += 2 * AMX_ROWS) {
        block4(w, x, row, tile, scratch, y, y_stride);
      }
    }
    _tile_release();
    if (pairs < to) {
      calm_multiply4_avx512vnni(w, x, whole, pairs, to, y, y_stride, scratch);
    }
  }
  if (whole < rows) {
    calm_rows rest = calm_rows_from(x, whole);
    calm_multiply4_avx512vnni(w, &rest, rows - whole, from, to, y + (size_t)whole * y_stride,
                              y_stride, scratch);
  }
}

void calm_multiply8_amx(const calm_table8 *w, const calm_rows *x, int rows, int from, int to,
                        float *y, size_t y_stride, void *scratch) {
  calm_multiply8_avx512vnni(w, x, rows, from, to, y, y_stride, scratch);
}
