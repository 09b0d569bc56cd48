package io.calm.serving.djl;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineProvider;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.http.ModelStates;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ModelRegistry;
import io.prometheus.client.CollectorRegistry;
import java.time.InstantSource;
import java.util.function.IntSupplier;

/**
 * The provider through which DJL finds the engine. It is registered by hand, with {@link
 * Engine#registerEngine}: in DJL Serving by the plugin's handler, because ServiceLoader does not
 * see a jar in {@code plugins/}; in any other program by the program.
 *
 * <pre>{@code
 * Engine.registerEngine(new CalmEngineProvider());
 * ZooModel<Input, Output> model =
 *     Criteria.builder()
 *         .setTypes(Input.class, Output.class)
 *         .optEngine(CalmEngine.NAME)
 *         .optModelPath(Path.of("models/calm-tiny-llama"))
 *         .build()
 *         .loadModel();
 * }</pre>
 */
public final class CalmEngineProvider implements EngineProvider {
  /** Status of a request that finds the queue full, outside a server: Too Many Requests. */
  private static final int QUEUE_FULL = 429;

  private final CalmEngine engine;

  /** Creates an engine for a program that uses DJL without DJL Serving. */
  public CalmEngineProvider() {
    this(new ModelRegistry());
  }

  private CalmEngineProvider(ModelRegistry registry) {
    this(
        registry,
        ModelLoader::load,
        new TextService(
            new CalmMetrics(new CollectorRegistry(), () -> ModelStates.of(registry)),
            InstantSource.system()),
        () -> QUEUE_FULL);
  }

  /**
   * Makes a provider.
   *
   * @param throttleStatus of answers that come too many at once
   */
  public CalmEngineProvider(
      ModelRegistry registry,
      ModelLoader.Loader loader,
      TextService text,
      IntSupplier throttleStatus) {
    this.engine = new CalmEngine(registry, loader, text, throttleStatus);
  }

  @Override
  public String getEngineName() {
    return CalmEngine.NAME;
  }

  /** Returns a rank behind every other engine: nobody gets this one by default. */
  @Override
  public int getEngineRank() {
    return CalmEngine.RANK;
  }

  @Override
  public Engine getEngine() {
    return engine;
  }
}
