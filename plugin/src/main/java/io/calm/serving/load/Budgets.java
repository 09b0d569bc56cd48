package io.calm.serving.load;

import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.quantize.Memory;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.settings.CalmSettings;

/** The scheduler's budgets of a model, by its settings and the memory at hand. */
final class Budgets {
  /** Tokens of one step beside the decodes: a prompt is read in chunks of at most so many. */
  private static final int STEP_TOKENS = 256;

  /** Context that is offered unless the settings ask for more. */
  private static final int DEFAULT_CONTEXT = 4096;

  /** Share of the memory at hand that keys and values may take unless the settings say. */
  private static final double KV_SHARE = 0.25;

  /** Share of the JVM's direct memory that they may take at most, unless the settings say. */
  private static final double KV_DIRECT_SHARE = 0.5;

  /** Maximum number of blocks with a token count that fits an int. */
  private static final int MAX_BLOCKS = Integer.MAX_VALUE / Decoder.BLOCK_TOKENS;

  private Budgets() {}

  /**
   * Returns the budgets.
   *
   * @param available bytes of memory, for all of the model
   */
  static SchedulerSettings of(ModelSpec spec, CalmSettings settings, long available) {
    int context =
        Math.min(
            spec.maxContext(),
            settings.maxContext().orElse(Math.min(spec.maxContext(), DEFAULT_CONTEXT)));
    long blockBytes = Decoders.blockBytes(spec, settings.decoder());
    long automatic = (long) Math.min(available * KV_SHARE, Memory.directLimit() * KV_DIRECT_SHARE);
    long bytes =
        settings.kvBudgetMb().isPresent()
            ? settings.kvBudgetMb().getAsLong() << 20
            : Math.max(blockBytes, automatic);
    if (bytes < blockBytes) {
      throw new IllegalArgumentException(
          "calm.kv-budget-mb: %d bytes hold no block of %d tokens, which takes %d bytes; raise it"
              .formatted(bytes, Decoder.BLOCK_TOKENS, blockBytes));
    }
    long logits = 4L * (settings.maxRunning() + SchedulerSettings.MAX_SCORED_ROWS);
    if (logits * spec.vocabulary() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "calm.max-running: expected at most %d for a vocabulary of %d tokens, got %d"
              .formatted(
                  Integer.MAX_VALUE / 4 / spec.vocabulary() - SchedulerSettings.MAX_SCORED_ROWS,
                  spec.vocabulary(),
                  settings.maxRunning()));
    }
    long most = (long) settings.maxRunning() * Decoder.blocksFor(context);
    return new SchedulerSettings(
        context,
        (int) Math.min(Math.min(bytes / blockBytes, most), MAX_BLOCKS),
        settings.maxRunning(),
        settings.queueSize(),
        STEP_TOKENS);
  }
}
