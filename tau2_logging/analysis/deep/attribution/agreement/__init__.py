"""How far the rules agree with others who say whose fault it is: people's labels, a model that reads, tau2's own reviews."""
