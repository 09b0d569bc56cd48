package io.calm.runtime;

import java.util.Optional;

/**
 * One token on its way through the blocks.
 *
 * @param position its place in the sequence, from 0
 * @param logits where its logits [V] go, if they are wanted
 */
record Row(KvSequence sequence, int position, int token, Optional<float[]> logits) {}
