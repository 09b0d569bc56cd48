package ai.djl.serving.wlm.util;

import ai.djl.Device;
import ai.djl.serving.wlm.Adapter;
import ai.djl.serving.wlm.ModelInfo;
import java.nio.file.Path;

/** A listener that does nothing. */
public abstract class ModelServerListenerAdapter implements ModelServerListener {

  @Override
  public void onModelDownloading(ModelInfo<?, ?> model) {}

  @Override
  public void onModelDownloaded(ModelInfo<?, ?> model, Path downloadPath) {}

  @Override
  public void onModelConverting(ModelInfo<?, ?> model, String type) {}

  @Override
  public void onModelConverted(ModelInfo<?, ?> model, String type) {}

  @Override
  public void onModelConfigured(ModelInfo<?, ?> model) {}

  @Override
  public void onModelLoading(ModelInfo<?, ?> model, Device device) {}

  @Override
  public void onModelLoaded(ModelInfo<?, ?> model) {}

  @Override
  public void onAdapterLoading(ModelInfo<?, ?> model, Path adapterPath) {}

  @Override
  public void onAdapterLoaded(ModelInfo<?, ?> model, Adapter<?, ?> adapter) {}
}
