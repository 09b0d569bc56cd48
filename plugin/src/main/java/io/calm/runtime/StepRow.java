package io.calm.runtime;

import java.util.Optional;

/**
 * One token of a step: a row of its activations.
 *
 * @param chunk index of the token's chunk in the step
 * @param kvBlocks the chunk's KV blocks, from position 0 on
 * @param position position in the sequence, from 0
 * @param logits buffer for the token's logits; empty if they are not requested
 */
@SuppressWarnings("ArrayRecordComponent") // shared by the rows of a chunk, never compared
record StepRow(int chunk, KvBlock[] kvBlocks, int position, int token, Optional<LogitRow> logits) {

  /** Returns the KV block of a position of this row's chunk. */
  KvBlock kvBlock(int at) {
    return kvBlocks[at / Decoder.BLOCK_TOKENS];
  }
}
