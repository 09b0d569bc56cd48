package io.calm.settings;

import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Limits of the generation of a model.
 *
 * @param maxContext maximum number of tokens of a sequence; empty: chosen by the model
 * @param kvBudgetMb memory for keys and values in MiB; empty: a share of the available memory
 * @param maxRunning maximum number of sequences in one step
 * @param queueSize maximum number of queued requests
 * @param defaultMaxTokens maximum number of tokens of a chat answer if the client sets none; empty:
 *     the rest of the context
 * @param speculatedTokens maximum number of predicted tokens of a sequence that a step verifies; 0
 *     for none
 */
public record GenerationSettings(
    OptionalInt maxContext,
    OptionalLong kvBudgetMb,
    int maxRunning,
    int queueSize,
    OptionalInt defaultMaxTokens,
    int speculatedTokens) {}
