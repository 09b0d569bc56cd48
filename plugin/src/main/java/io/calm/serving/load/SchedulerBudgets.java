package io.calm.serving.load;

import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.quantize.MemoryLimits;
import io.calm.runtime.Decoder;
import io.calm.settings.CalmSettings;
import io.calm.settings.GenerationSettings;
import io.calm.torch.Backends;
import java.util.Optional;
import java.util.OptionalLong;

/** Computes the budgets of a model's scheduler from its settings and the available memory. */
final class SchedulerBudgets {
  /** Tokens per step beside the decoding sequences; the maximum size of a prompt's chunk. */
  private static final int STEP_TOKENS = 256;

  /** Maximum context unless the settings ask for more. */
  private static final int DEFAULT_CONTEXT = 4096;

  /** Share of the available memory for keys and values unless it is set. */
  private static final double KV_SHARE = 0.25;

  /** Maximum share of the JVM's direct memory for keys and values unless it is set. */
  private static final double KV_DIRECT_SHARE = 0.5;

  /** Share of a device's memory beside the model for keys and values unless it is set. */
  private static final double KV_DEVICE_SHARE = 0.5;

  /** Maximum number of blocks with a token count that fits an int. */
  private static final int MAX_BLOCKS = Integer.MAX_VALUE / Decoder.BLOCK_TOKENS;

  private SchedulerBudgets() {}

  /**
   * Returns the budgets.
   *
   * @param available memory of the host in bytes for the whole model
   * @param device memory in bytes beside the model on the device that runs it; empty: the host's
   */
  static SchedulerSettings of(
      ModelSpec spec, CalmSettings settings, long available, OptionalLong device) {
    GenerationSettings limits = settings.generation();
    int context =
        Math.min(
            spec.maxContext(),
            limits.maxContext().orElse(Math.min(spec.maxContext(), DEFAULT_CONTEXT)));
    long blockBytes = Backends.blockBytes(spec, settings.decoder().forDecoder());
    long automatic =
        device.isPresent()
            ? (long) (device.getAsLong() * KV_DEVICE_SHARE)
            : (long) Math.min(available * KV_SHARE, MemoryLimits.directLimit() * KV_DIRECT_SHARE);
    long bytes =
        limits.kvBudgetMb().isPresent()
            ? limits.kvBudgetMb().getAsLong() << 20
            : Math.max(blockBytes, automatic);
    if (bytes < blockBytes) {
      throw new IllegalArgumentException(
          "calm.kv-budget-mb: %d bytes hold no block of %d tokens, which takes %d bytes; raise it"
              .formatted(bytes, Decoder.BLOCK_TOKENS, blockBytes));
    }
    long logits = 4L * (limits.maxRunning() + SchedulerSettings.MAX_SCORED_ROWS);
    if (logits * spec.vocabulary() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "calm.max-running: expected at most %d for a vocabulary of %d tokens, got %d"
              .formatted(
                  Integer.MAX_VALUE / 4 / spec.vocabulary() - SchedulerSettings.MAX_SCORED_ROWS,
                  spec.vocabulary(),
                  limits.maxRunning()));
    }
    long max = (long) limits.maxRunning() * Decoder.blocksFor(context);
    return new SchedulerSettings(
        context,
        (int) Math.min(Math.min(bytes / blockBytes, max), MAX_BLOCKS),
        limits.maxRunning(),
        limits.queueSize(),
        STEP_TOKENS,
        speculatedTokens(settings));
  }

  /** Returns a description of a {@code calm.max-context} that the model lowers; empty if none. */
  static Optional<String> loweredContext(ModelSpec spec, CalmSettings settings) {
    int asked = settings.generation().maxContext().orElse(0);
    return asked > spec.maxContext()
        ? Optional.of(
            ("calm.max-context=%d is above the model's own limit: it serves at most %d tokens of"
                    + " prompt and answer; lower the setting")
                .formatted(asked, spec.maxContext()))
        : Optional.empty();
  }

  /** Returns the maximum of predicted tokens; none on PyTorch, whose bits are not guaranteed. */
  private static int speculatedTokens(CalmSettings settings) {
    return Backends.isTorch(settings.decoder().forDecoder())
        ? 0
        : settings.generation().speculatedTokens();
  }
}
