package ai.djl.serving.wlm.util;

/** The registry of listeners. */
public final class EventManager {
  private EventManager() {}

  /** Returns the one instance. */
  public static native EventManager getInstance();

  /** Adds a listener. */
  public native void addListener(ModelServerListener listener);
}
