"""Networks: Keras once, how they are built, trained and run, what detectors made of them share."""
