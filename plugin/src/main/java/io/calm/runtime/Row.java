package io.calm.runtime;

import java.util.Optional;

/**
 * One token on its way through the blocks of the model.
 *
 * @param chunk index of its chunk in the step
 * @param pages of the chunk's positions from 0 on
 * @param position its place in the sequence, from 0
 * @param logits where its logits go, if they are wanted
 */
@SuppressWarnings("ArrayRecordComponent") // shared by the rows of a chunk, never compared
record Row(int chunk, KvPage[] pages, int position, int token, Optional<LogitRow> logits) {

  /** Returns the page of a position of this row's chunk. */
  KvPage page(int at) {
    return pages[at / Decoder.BLOCK_TOKENS];
  }
}
