package io.calm.serving.djl;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.util.passthrough.PassthroughNDManager;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ModelRegistry;
import java.util.Optional;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The DJL engine of CALM: no arrays, no native libraries, and models that answer text with text. It
 * runs on the CPU.
 */
public final class CalmEngine extends Engine {
  /** The engine's name, as in {@code engine=CALM}. */
  public static final String NAME = "CALM";

  static final int RANK = 1000;

  private final ModelRegistry registry;
  private final ModelLoader.Loader loader;
  private final TextService text;
  private final IntSupplier throttleStatus;

  CalmEngine(
      ModelRegistry registry,
      ModelLoader.Loader loader,
      TextService text,
      IntSupplier throttleStatus) {
    this.registry = registry;
    this.loader = loader;
    this.text = text;
    this.throttleStatus = throttleStatus;
  }

  @Override
  @SuppressWarnings("NullAway") // DJL uses null for a missing value
  public @Nullable Engine getAlternativeEngine() {
    return null;
  }

  @Override
  public String getEngineName() {
    return NAME;
  }

  @Override
  public int getRank() {
    return RANK;
  }

  @Override
  public String getVersion() {
    return Optional.ofNullable(CalmEngine.class.getPackage().getImplementationVersion())
        .orElse("unpackaged");
  }

  @Override
  public boolean hasCapability(String capability) {
    return false;
  }

  @Override
  public Model newModel(String name, @Nullable Device device) {
    return new CalmDjlModel(name, newBaseManager(device), registry, loader, text, throttleStatus);
  }

  @Override
  public NDManager newBaseManager() {
    return newBaseManager(null);
  }

  @Override
  public NDManager newBaseManager(@Nullable Device device) {
    return new PassthroughNDManager(this, device == null ? Device.cpu() : device);
  }

  @Override
  public String toString() {
    return NAME + ":" + getVersion();
  }
}
