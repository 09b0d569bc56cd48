package io.calm.quantize;

import io.calm.artifact.ArtifactException;
import io.calm.artifact.ArtifactKey;
import io.calm.artifact.ArtifactLayout;
import io.calm.artifact.ArtifactStore;
import io.calm.artifact.ArtifactWriter;
import io.calm.model.ModelSpec;
import io.calm.quant.AlgorithmName;
import io.calm.search.QuantPlan;
import io.calm.settings.BaselineChoice;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The uniform plan that a search made beside the mix it serves, kept as an artifact of its own. Its
 * blocks move there without a copy, and its tables are those of the mix.
 *
 * <p>It is published after the mix. A failure costs the twin alone, which is then made on first
 * use.
 */
final class UniformTwin implements AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(UniformTwin.class);

  private final ArtifactKey main;
  private final ArtifactWriter writer;
  private final ArtifactWriter.Draft draft;
  private final QuantPlan plan;

  private UniformTwin(
      ArtifactKey main, ArtifactWriter writer, ArtifactWriter.Draft draft, QuantPlan plan) {
    this.main = main;
    this.writer = writer;
    this.draft = draft;
    this.plan = plan;
  }

  /** Returns the key of a model's uniform twin. */
  static ArtifactKey key(ArtifactKey main, AlgorithmName algorithm) {
    return new ArtifactKey(
        main.modelDigests(), main.settings() + "\nbaseline=" + algorithm, main.calibration());
  }

  /**
   * The destination of twins.
   *
   * @param main key of the artifact that is served
   * @param layout its sizes
   */
  record Place(
      ArtifactStore store,
      BaselineChoice choice,
      ArtifactKey main,
      ModelSpec spec,
      ArtifactLayout layout) {}

  /**
   * Takes the blocks of the twin out of the artifact's writer, if the search made them and the mix
   * is served. Empty also if the twin is published, or another thread or process makes it.
   *
   * @param drafts the drafts of the search
   */
  static Optional<UniformTwin> of(
      Place place, QuantPlan served, ArtifactWriter main, Quantization.Drafts drafts) {
    if (!(Baseline.select(place.choice(), served) instanceof Baseline.Uniform uniform)
        || uniform.identical()
        || !made(served, uniform.algorithm())) {
      return Optional.empty();
    }
    QuantPlan plan = served.ofUniform(uniform.algorithm().text(), uniform.reason());
    try {
      ArtifactKey key = key(place.main(), uniform.algorithm());
      // without a wait: its writer may wait for this search to end
      Optional<ArtifactStore.Claim> claim =
          place.store().begin(key, place.spec(), place.layout(), 0); // the blocks are there
      if (claim.isPresent() && claim.get() instanceof ArtifactStore.Granted granted) {
        ArtifactWriter writer = granted.writer();
        return Optional.of(taken(place, writer, main, drafts.get(uniform.variant()), plan));
      }
      claim.ifPresent(ready -> ((ArtifactStore.Ready) ready).artifact().close());
      return Optional.empty();
    } catch (ArtifactException e) {
      logger.warn("the uniform twin is not kept, and is made on first use: {}", e.getMessage());
      return Optional.empty();
    }
  }

  private static UniformTwin taken(
      Place place,
      ArtifactWriter writer,
      ArtifactWriter main,
      ArtifactWriter.Draft draft,
      QuantPlan plan) {
    boolean held = false;
    try {
      ArtifactWriter.Draft adopted = writer.adopt(main, draft);
      held = true;
      return new UniformTwin(place.main(), writer, adopted, plan);
    } finally {
      if (!held) {
        writer.close();
      }
    }
  }

  private static boolean made(QuantPlan served, AlgorithmName algorithm) {
    return served.guard().stream()
        .flatMap(guard -> guard.uniforms().stream())
        .anyMatch(uniform -> uniform.algorithm().equals(algorithm.text()));
  }

  /** Publishes the twin after the artifact that it belongs to. */
  void publish() {
    try {
      writer.tablesOf(main);
      writer.publishShared(plan, draft).close();
    } catch (ArtifactException e) {
      logger.warn("the uniform twin is not kept, and is made on first use: {}", e.getMessage());
    }
  }

  @Override
  public void close() {
    writer.close();
  }
}
