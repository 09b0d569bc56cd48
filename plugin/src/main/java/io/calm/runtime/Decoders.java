package io.calm.runtime;

import io.calm.kernels.NativeKernels;
import io.calm.kernels.NativeKernels.Ladder;
import io.calm.kernels.NativeKernels.Rung;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates W4A8 decoders with the kernels that {@code calm.kernel} selects. */
public final class Decoders {
  /** The value of {@code calm.kernel} for the best kernels of this machine. */
  public static final String AUTO = "auto";

  /** The value of {@code calm.kernel} for the kernels in Java. */
  public static final String JAVA = "java";

  private static final Logger logger = LoggerFactory.getLogger(Decoders.class);
  private static final AtomicBoolean LOGGED = new AtomicBoolean();

  private Decoders() {}

  /**
   * Settings of a decoder.
   *
   * @param kernel {@link #AUTO}, {@link #JAVA} or the name of a rung
   * @param threads that compute
   */
  public record Settings(String kernel, KvType kvType, int threads) {}

  /** Returns the decoder of {@code model}, whose buffers grow with its steps. */
  public static Decoder open(QuantizedModel model, Settings settings, int blocks) {
    return open(model, settings, blocks, StepSize.UNKNOWN);
  }

  /**
   * Returns the decoder of {@code model}.
   *
   * @param blocks of keys and values; memory is taken when one is first used
   * @param largest step for which there are buffers from the first on; larger ones take more
   * @throws IllegalArgumentException if this machine cannot run the kernel that the settings name,
   *     or a shape of the model does not fit its topology
   */
  public static Decoder open(
      QuantizedModel model, Settings settings, int blocks, StepSize largest) {
    Optional<Rung> rung = rung(settings.kernel());
    return rung.isPresent()
        ? new NativeDecoder(
            rung.get(), model, settings.kvType(), settings.threads(), blocks, largest)
        : new JavaDecoder(model, settings.kvType(), settings.threads(), blocks);
  }

  /** Returns the bytes of a block of keys and values. */
  public static long blockBytes(ModelSpec spec, Settings settings) {
    return rung(settings.kernel()).isPresent()
        ? NativeModel.pageBytes(spec, settings.kvType())
        : JavaDecoder.blockBytes(spec);
  }

  /** Returns the name of the kernels that {@code kernel} gives on this machine. */
  public static String chosen(String kernel) {
    return rung(kernel).map(Rung::name).orElse(JAVA);
  }

  /**
   * Returns the rung that {@code kernel} gives on this machine; empty: the kernels in Java.
   *
   * @throws IllegalArgumentException if it names what this machine cannot run
   */
  public static Optional<Rung> rung(String kernel) {
    if (kernel.equals(JAVA)) {
      return Optional.empty();
    }
    Ladder ladder = NativeKernels.ladder();
    if (kernel.equals(AUTO)) {
      return automatic(ladder);
    }
    Optional<Rung> named =
        ladder.rungs().stream().filter(rung -> rung.name().equals(kernel)).findFirst();
    Optional<String> missing =
        named.isPresent()
            ? named.get().missing()
            : Optional.of(ladder.problem().orElse("there is no such kernel"));
    if (missing.isPresent()) {
      throw new IllegalArgumentException(
          "calm.kernel: expected one of %s, got %s: %s"
              .formatted(
                  Stream.concat(
                          Stream.of(AUTO, JAVA),
                          ladder.rungs().stream()
                              .filter(rung -> rung.missing().isEmpty())
                              .map(Rung::name))
                      .collect(Collectors.joining(", ")),
                  kernel,
                  missing.get()));
    }
    return named;
  }

  /** The best rung but the portable one, which is slower than the kernels in Java. */
  private static Optional<Rung> automatic(Ladder ladder) {
    Optional<Rung> best =
        ladder.rungs().stream()
            .skip(1)
            .filter(rung -> rung.missing().isEmpty())
            .reduce((first, second) -> second);
    if (LOGGED.compareAndSet(false, true)) {
      logger.info("kernels: {}", best.map(Rung::name).orElse(JAVA));
      ladder.problem().ifPresent(problem -> logger.info("no native kernels: {}", problem));
      for (Rung rung : ladder.rungs()) {
        if (best.map(chosen -> rung.index() > chosen.index()).orElse(true)) {
          rung.missing()
              .ifPresent(why -> logger.info("kernel {} is left out: {}", rung.name(), why));
        }
      }
    }
    return best;
  }
}
