"""Models that know whether a text entails a sentence, and so which option fits it, before anybody has labelled."""
