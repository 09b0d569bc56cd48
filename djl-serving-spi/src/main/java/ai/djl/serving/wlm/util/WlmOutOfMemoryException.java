package ai.djl.serving.wlm.util;

/** A model needs more memory than there is; answered with 507. */
public class WlmOutOfMemoryException extends WlmException {
  private static final long serialVersionUID = 1L;

  public WlmOutOfMemoryException(String message) {
    super(message);
  }
}
