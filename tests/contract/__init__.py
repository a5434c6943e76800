"""Do the services and the world speak one language?"""
