package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.replay.HiddenStates;
import io.calm.tensor.QuantizedLinear;

/**
 * A block that a search has chosen.
 *
 * @param choice every score, and the reason
 * @param block the W4A8 block
 * @param output its output on the score part; the receiver closes it
 * @param inherited the error that the block, or the sum of its parts, has before it is quantized
 */
record ChosenBlock(
    QuantPlan.BlockChoice choice,
    BlockParameters<QuantizedLinear> block,
    HiddenStates output,
    double inherited) {}
