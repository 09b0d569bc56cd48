package ai.djl.serving.wlm.util;

/** Thrown when a model needs more memory than is available (507). */
public class WlmOutOfMemoryException extends WlmException {
  private static final long serialVersionUID = 1L;

  public WlmOutOfMemoryException(String message) {
    super(message);
  }
}
