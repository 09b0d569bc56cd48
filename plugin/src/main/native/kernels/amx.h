/* The configuration of AMX's tiles. */
#ifndef CALM_AMX_H
#define CALM_AMX_H

#include <immintrin.h>
#include <stdint.h>

enum { AMX_ROWS = 16 }; /* of a tile, at most */

/* The operand of ldtilecfg: palette, then the rows and bytes a row of eight tiles. */
typedef struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_config;

__attribute__((target("amx-tile"))) static inline void configure_tiles(const tile_config *config) {
  /* GCC 12 takes it that only 8 bytes are read, and drops the stores of the others. */
  __asm__ volatile("" : : "r"(config) : "memory");
  _tile_loadconfig(config);
}

#endif
