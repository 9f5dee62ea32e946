package com.example.auth;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/**
 * Password hashes: "pbkdf2", its iterations, a salt and the hash.
 *
 * <p>To make one for users.json: {@code java Passwords.java 'the password'}
 */
public final class Passwords {
    private static final int ITERATIONS = 210_000;
    private static final int BITS = 256;

    private Passwords() {}

    public static String hash(String password) {
        byte[] salt = new byte[16];
        new SecureRandom().nextBytes(salt);
        Base64.Encoder text = Base64.getEncoder();
        String hash = text.encodeToString(derive(password, salt, ITERATIONS));
        return String.join("$", "pbkdf2", "" + ITERATIONS, text.encodeToString(salt), hash);
    }

    public static boolean isPassword(String password, String stored) {
        String[] parts = stored.split("\\$");
        byte[] salt = Base64.getDecoder().decode(parts[2]);
        byte[] actual = derive(password, salt, Integer.parseInt(parts[1]));
        return MessageDigest.isEqual(actual, Base64.getDecoder().decode(parts[3]));
    }

    private static byte[] derive(String password, byte[] salt, int iterations) {
        try {
            return SecretKeyFactory.getInstance("PBKDF2WithHmacSHA512")
                    .generateSecret(new PBEKeySpec(password.toCharArray(), salt, iterations, BITS))
                    .getEncoded();
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    public static void main(String[] arguments) {
        System.out.println(hash(arguments[0]));
    }
}
