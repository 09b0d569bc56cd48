package io.calm.serving.djl;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineProvider;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ModelRegistry;
import java.util.function.IntSupplier;

/**
 * Makes the engine known to DJL. A jar in {@code plugins/} is not found by ServiceLoader, so the
 * plugin's handler registers it by hand.
 */
public final class CalmEngineProvider implements EngineProvider {
  private final CalmEngine engine;

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
