package io.calm.kernels;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel variants of the native library and the rule that chooses among them.
 *
 * <p>The rule: the best variant that the processor runs, except the portable one, which is slower
 * than the kernels in Java. Decoders and searches follow it with {@code calm.kernel=auto}. The
 * first choice of a process is logged, with the reason for each faster variant left out. Immutable
 * and thread safe.
 *
 * @param all from the portable variant to the best; empty if the library is missing
 * @param problem the reason why there is no library
 */
public record KernelVariants(List<KernelVariant> all, Optional<String> problem) {
  private static final Logger logger = LoggerFactory.getLogger(KernelVariants.class);
  private static final AtomicBoolean LOGGED = new AtomicBoolean();

  public KernelVariants {
    all = List.copyOf(all);
  }

  /** Returns the variants of this machine; the first call loads the library. */
  public static KernelVariants ofThisMachine() {
    return NativeKernels.Loaded.VARIANTS;
  }

  /** Returns the best variant that this machine runs; empty if the kernels in Java are better. */
  public Optional<KernelVariant> best() {
    Optional<KernelVariant> best =
        all.stream().skip(1).filter(KernelVariant::runs).reduce((worse, better) -> better);
    if (LOGGED.compareAndSet(false, true)) {
      log(best);
    }
    return best;
  }

  private void log(Optional<KernelVariant> best) {
    logger.info("kernels: {}", best.map(KernelVariant::name).orElse("java"));
    problem.ifPresent(reason -> logger.info("no native kernels: {}", reason));
    for (KernelVariant variant : all) {
      if (best.map(chosen -> variant.index() > chosen.index()).orElse(true)) {
        variant
            .missing()
            .ifPresent(reason -> logger.debug("kernel {} is left out: {}", variant.name(), reason));
      }
    }
  }

  /** Returns the search's kernels: those of the best variant, or the loops in Java. */
  public SearchKernels searchKernels() {
    return searchKernels(best());
  }

  /**
   * Returns the kernels of a search.
   *
   * @param variant empty: the loops in Java
   */
  public static SearchKernels searchKernels(Optional<KernelVariant> variant) {
    return variant.<SearchKernels>map(NativeSearchKernels::new).orElseGet(JavaSearchKernels::new);
  }
}
