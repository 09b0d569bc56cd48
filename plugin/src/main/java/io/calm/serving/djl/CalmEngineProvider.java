package io.calm.serving.djl;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineProvider;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ModelRegistry;
import java.util.function.IntSupplier;

/**
 * Registers the engine with DJL. ServiceLoader does not see jars in {@code plugins/}, so the
 * plugin's handler registers this provider explicitly.
 */
public final class CalmEngineProvider implements EngineProvider {
  private final CalmEngine engine;

  /**
   * Creates a provider.
   *
   * @param throttleStatus status of requests rejected for lack of queue space
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

  /** Returns a rank below every other engine, so that this one is never the default. */
  @Override
  public int getEngineRank() {
    return CalmEngine.RANK;
  }

  @Override
  public Engine getEngine() {
    return engine;
  }
}
